//go:build linux

package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// applyInstance starts a workload or task unless it runs. A task that began
// once is never begun again.
func (d *Driver) applyInstance(ctx context.Context, r platform.Resource) error {
	if done, err := d.proceed(ctx, r); done || err != nil {
		return err
	}
	return d.beginInstance(ctx, r, false)
}

// beginInstance starts a shim, which begins at once or waits to be told.
func (d *Driver) beginInstance(ctx context.Context, r platform.Resource, wait bool) error {
	if r.Workload == nil {
		return errors.New("nothing says what to run")
	}
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	dir := d.file(ref)
	if there, err := d.makeWay(ctx, ref, r.SpecHash); there || err != nil {
		return err
	}
	u, err := d.usersOf(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	if err := d.haveFolders(r.Owner, u); err != nil {
		return err
	}
	known, err := d.makeFolder(dir, r, record{Paths: d.outside(r, dir)})
	if err != nil {
		return err
	}
	inside, err := d.inside(ctx, r, u, dir)
	if err != nil {
		return err
	}
	config, err := d.shimConfig(r, known, u, dir, inside)
	if err != nil {
		return err
	}
	if !wait {
		return d.startShim(ctx, r.Owner, dir, config)
	}
	config.Wait = true
	w, err := d.sendShim(ctx, r.Owner, dir, config)
	if err != nil {
		return err
	}
	w.specHash, w.status = r.SpecHash, filepath.Join(dir, shim.StatusFile)
	d.ahead.keep(r.Name, w)
	return nil
}

// makeWay answers whether an instance is there; else nothing of it runs when it
// returns, and what was only ever made ready for another specification is gone.
func (d *Driver) makeWay(ctx context.Context, ref platform.Ref, specHash string) (there bool, err error) {
	dir := d.file(ref)
	known, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	o, err := d.Observe(ctx, ref)
	switch {
	case err != nil:
		return false, err
	case o.Presence == staging.Unknown:
		return false, errors.New(o.Reason)
	case o.Presence == staging.Present && known.SpecHash != specHash:
		return true, staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
	case o.Presence == staging.Present:
		return true, nil
	}
	if err := errors.Join(d.endForgotten(ctx, dir), d.endLeft(known)); err != nil {
		return false, err
	}
	if known.SpecHash != specHash {
		return false, d.deleteInstance(ctx, ref)
	}
	return false, nil
}

// makeFolder makes an instance's folder with its record, unless it is there,
// and takes up the log of an earlier one of its name.
func (d *Driver) makeFolder(dir string, r platform.Resource, with record) (record, error) {
	if known, err := readRecord(dir); err == nil {
		return known, errors.Join(known.Paths.shorten(dir))
	}
	tmp := dir + partial
	if err := copytree.Remove(tmp); err != nil {
		return with, err
	}
	for _, sub := range []string{"root", "upper", "work", "files"} {
		if err := os.MkdirAll(filepath.Join(tmp, sub), 0o711); err != nil {
			return with, err
		}
	}
	with.SpecHash, with.Service, with.Grace = r.SpecHash, r.Workload.Service, r.Workload.StopGrace
	with.Restart = r.Workload.Restart && r.Kind == staging.ResourceWorkload
	with.Once = r.Workload.Once
	with.Discard = r.Workload.DiscardSignal != ""
	with.Data = r.Workload.Role == staging.RoleData
	with.Groups = d.cgroups.Groups(r.Owner, instanceGroup(r.Name))
	if with.Grace <= 0 {
		with.Grace = defaultGrace
	}
	if d.shape == ShapePlain {
		var mark [8]byte
		_, _ = rand.Read(mark[:])
		with.Marker = hex.EncodeToString(mark[:])
	}
	if err := with.Paths.shorten(dir); err != nil {
		return with, err
	}
	if err := d.unshelve(r.Name, tmp); err != nil {
		return with, err
	}
	if err := writeFile(filepath.Join(tmp, recordFile), with); err != nil {
		return with, err
	}
	return with, os.Rename(tmp, dir)
}
