package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// aside is what the row of data that was replaced says of it.
type aside struct {
	Origin staging.DataOrigin `json:"origin"`
	// Set is the deployment that replaced it: all that went together.
	Set string `json:"set"`
	// Withdrawn is whether that deployment's stack had ceased to declare it: it
	// comes back when a later one declares it again, and never by undo.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

func asideOf(row staging.Resource) (aside, bool) {
	var x aside
	return x, row.Kind == staging.ResourceAside && json.Unmarshal(row.Spec, &x) == nil && x.Set != ""
}

// moveAside renames a clone's folder to one that is kept for a day. Where the
// folder is gone it was moved before.
func (a *actor) moveAside(ctx context.Context, v *view, set, clone, dir string, withdrawn bool) error {
	name := plan.Name(a.id, staging.ResourceAside, clone[strings.LastIndexByte(clone, '/')+1:]+"."+set)
	to, err := a.Folders.Path(name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	row, _ := v.row(clone)
	origin, _ := originOf(row)
	spec, err := json.Marshal(aside{Origin: origin, Set: set, Withdrawn: withdrawn})
	if err != nil {
		return err
	}
	if err := a.Store.Write(ctx, func(w Writer) error {
		return w.PutResource(ctx, staging.Resource{Name: name, Kind: staging.ResourceAside, Driver: "folder", Owner: a.id, Project: v.project.Name,
			Spec: spec, SizeBytes: row.SizeBytes, State: staging.ResourcePresent, CreatedAt: a.Now()})
	}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	return os.Rename(dir, to)
}

// setAside keeps data that a reset replaced, or that is no longer declared.
func (a *actor) setAside(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	dir, err := a.Folders.Path(op.Resource)
	if err != nil {
		return err
	}
	if err := a.moveAside(ctx, v, op.Deployment, op.Resource, dir, op.Resource == plan.CloneName(dep, op.Service)); err != nil {
		return err
	}
	return a.Store.Write(ctx, func(w Writer) error { return w.DeleteResource(ctx, op.Resource) })
}

// fromWithdrawn is where data of that name is kept that the stack had ceased to
// declare, "" where there is none.
func (a *actor) fromWithdrawn(ctx context.Context, w Writer, dep *staging.Deployment, o *staging.DataOrigin) (string, error) {
	rows, err := w.Resources(ctx, a.id)
	if err != nil {
		return "", err
	}
	clone := plan.CloneName(dep, o.Name)
	prefix := plan.Name(a.id, staging.ResourceAside, clone[strings.LastIndexByte(clone, '/')+1:]+".")
	var newest staging.Resource
	for _, row := range rows {
		x, ok := asideOf(row)
		if ok && x.Withdrawn && x.Origin.Kind == o.Kind && strings.HasPrefix(row.Name, prefix) && row.CreatedAt.After(newest.CreatedAt) {
			newest = row
		}
	}
	if newest.Name == "" {
		return "", nil
	}
	x, _ := asideOf(newest)
	*o = x.Origin
	return a.Folders.Path(newest.Name)
}

// fromAside is where a set of asides keeps the data of that name.
func (a *actor) fromAside(ctx context.Context, w Writer, set string, o *staging.DataOrigin) (string, error) {
	rows, err := w.Resources(ctx, a.id)
	if err != nil {
		return "", err
	}
	found := false
	for _, row := range rows {
		x, ok := asideOf(row)
		if !ok || x.Set != set {
			continue
		}
		if found = true; x.Origin.Name == o.Name && x.Origin.Kind == o.Kind {
			*o = x.Origin
			return a.Folders.Path(row.Name)
		}
	}
	if !found {
		return "", staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot data reset goes back to a snapshot", "the data that was set aside is no longer kept")
	}
	return "", nil
}

// SetAside is data that was replaced and can be brought back.
type SetAside struct {
	// Set names it; Names are the datastores and volumes in it.
	Set   string
	Names []string
	// At is when it was replaced, Until when it is deleted.
	At, Until time.Time
}

// LastAside finds the newest data in rows that was replaced and is still kept.
func LastAside(rows []staging.Resource, now time.Time) (SetAside, bool) {
	var last SetAside
	for _, row := range rows {
		x, ok := asideOf(row)
		if ok && !x.Withdrawn && row.State == staging.ResourcePresent && row.CreatedAt.After(last.At) && now.Sub(row.CreatedAt) < plan.KeepAside {
			last = SetAside{Set: x.Set, At: row.CreatedAt, Until: row.CreatedAt.Add(plan.KeepAside)}
		}
	}
	for _, row := range rows {
		if x, ok := asideOf(row); ok && x.Set == last.Set {
			last.Names = append(last.Names, x.Origin.Name)
		}
	}
	return last, last.Set != ""
}

// KickDue lets environments be worked on whose replaced data is due to go.
func (e *Engine) KickDue(ctx context.Context) error {
	rows, err := e.Store.ResourcesByKind(ctx, staging.ResourceAside)
	if err != nil {
		return fmt.Errorf("look for data that is due: %w", err)
	}
	for _, row := range rows {
		if e.Now().Sub(row.CreatedAt) >= plan.KeepAside {
			e.Kick(row.Owner)
		}
	}
	return nil
}
