package reconcile

import (
	"context"
	"errors"

	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// source decides once for all data of a deployment where it comes from: the
// parts of one snapshot are of one moment.
func (a *actor) source(ctx context.Context, v *view, dep *staging.Deployment) (string, error) {
	now, err := a.Store.Deployment(ctx, dep.ID)
	if err != nil || now.Progress.Source != "" {
		return now.Progress.Source, err
	}
	if now.Failure != nil || a.mem.sourceless == dep.ID {
		return "", errStale // said already, for another part of its data
	}
	source, err := a.chooseSource(ctx, v, dep)
	if err != nil {
		a.mem.sourceless = dep.ID
		return "", err
	}
	return source, a.change(ctx, v, dep.ID, func(d *staging.Deployment) { d.Progress.Source = source })
}

func (a *actor) chooseSource(ctx context.Context, v *view, dep *staging.Deployment) (string, error) {
	wanted := dep.Options.Snapshot
	if dep.Options.DataResets > 0 {
		wanted = dep.Options.DataReset
	}
	undo := dep.Options.DataResets > 0 && dep.Options.DataUndo != ""
	if v.Serving != nil && plan.DataSet(v.Serving) == plan.DataSet(dep) {
		// A datastore is added to data that serves: what that once came from may
		// be gone.
		undo = false
		if s, err := a.Store.Snapshot(ctx, wanted); wanted != fromNothing && (err != nil || s.State != staging.SnapshotReady) {
			wanted = ""
		}
	}
	switch {
	case undo:
		return fromAsides + dep.Options.DataUndo, nil
	case wanted == fromNothing || v.Environment.Kind == staging.KindShared && wanted == "":
		return fromNothing, nil
	case wanted != "" && wanted != "latest":
		return wanted, nil
	}
	newest, err := a.newest(ctx, v)
	if err != nil || newest != "" {
		return newest, err
	}
	if v.Environment.Kind == staging.KindShared {
		return fromNothing, nil // its own data is what is to be replaced
	}
	if err := a.firstSnapshot(ctx, v); err != nil {
		code, hint := staging.ClassCode(staging.ClassData), "offshoot create --snapshot none starts empty"
		var known *staging.Error
		if errors.As(err, &known) {
			code, hint = known.Code, known.Hint+"; "+hint
		}
		return "", staging.Errorf(code, hint, "snapshot of shared staging: %w", err)
	}
	if newest, err = a.newest(ctx, v); err != nil || newest != "" {
		return newest, err
	}
	return fromNothing, nil
}

// newest is the newest verified snapshot of the project's source of data, ""
// for none.
func (a *actor) newest(ctx context.Context, v *view) (string, error) {
	list, err := a.Store.Snapshots(ctx, v.project.Name)
	for _, s := range list {
		ours := s.SourceKind == staging.KindShared
		if source := v.project.Policy.SnapshotSource; source != "" {
			ours = s.Source == source
		}
		if s.State == staging.SnapshotReady && s.Only == "" && ours {
			return s.ID, nil
		}
	}
	return "", err
}

// The sources of new data besides a snapshot's id.
const (
	fromNothing = "none"
	fromAsides  = "undo:"
)
