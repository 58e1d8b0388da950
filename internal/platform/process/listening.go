//go:build linux

package process

import (
	"context"
	"errors"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
)

// Listening implements platform.Lookout.
func (d *Driver) Listening(ctx context.Context, ref platform.Ref) ([]string, error) {
	if err := d.check(ref); err != nil {
		return nil, err
	}
	reply, err := question(ctx, d.file(ref), shim.Request{Op: shim.Listening})
	return reply.Listening, err
}

// question asks a shim something that it answers at once.
func question(ctx context.Context, dir string, r shim.Request) (shim.Reply, error) {
	conn, err := shim.Dial(dir, r)
	if err != nil {
		return shim.Reply{}, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	_, reply, err := (&call{conn: conn}).next()
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	return reply, err
}
