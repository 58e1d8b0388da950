package apiclient

import (
	"context"
	"encoding/json"
	"net/http"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Runtimes are the servers and clients of the process platform.
func (c *Client) Runtimes(ctx context.Context) (v wire.Runtimes, err error) {
	return v, c.call(ctx, http.MethodGet, "/runtime", nil, nil, &v)
}

// InstallRuntime fetches one and tells of it until it is there.
func (c *Client) InstallRuntime(ctx context.Context, name string, tell func(wire.RuntimeProgress)) (wire.Runtime, error) {
	resp, err := c.request(ctx, http.MethodPost, "/runtime", nil, wire.InstallRuntime{Name: name})
	if err != nil {
		return wire.Runtime{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := json.NewDecoder(resp.Body); ; {
		var p wire.RuntimeProgress
		switch err := lines.Decode(&p); {
		case ctx.Err() != nil:
			return wire.Runtime{}, ctx.Err()
		case err != nil:
			return wire.Runtime{}, staging.Errorf(staging.CodeUnreachable, "try again: offshoot runtime install "+name, "the server went before it was done: %w", err)
		case p.Problem != nil:
			return wire.Runtime{}, &staging.Error{Code: staging.Code(p.Problem.Code), Message: p.Problem.Detail, Hint: p.Problem.Hint}
		case p.Runtime != nil:
			return *p.Runtime, nil
		case tell != nil:
			tell(p)
		}
	}
}
