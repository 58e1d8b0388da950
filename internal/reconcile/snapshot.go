package reconcile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"offshoot/internal/copytree"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// errStopped is why a snapshot has failed that nobody goes on with.
var errStopped = errors.New("the server was stopped meanwhile")

// SnapshotRequest asks for a snapshot of an environment.
type SnapshotRequest struct {
	Environment string
	// Only is the one datastore or volume to take, "" for all that is cloned.
	Only  string
	Actor string
	// Automatic is whether no person asked.
	Automatic bool
}

// BeginSnapshot writes down that a snapshot of an environment's data is taken;
// run takes it. A crash in between leaves rows by which it is removed.
func (e *Engine) BeginSnapshot(ctx context.Context, r SnapshotRequest) (s staging.Snapshot, run func(context.Context) error, err error) {
	env, err := e.Store.Environment(ctx, r.Environment)
	if err != nil {
		return s, nil, err
	}
	if env.Deployed.Deployment == "" || !env.DeleteRequestedAt.IsZero() {
		return s, nil, staging.Refused("deploy it first: offshoot create "+env.Branch, "environment %s has no data yet", env.Slug)
	}
	dep, err := e.Store.Deployment(ctx, env.Deployed.Deployment)
	if err != nil {
		return s, nil, err
	}
	s = staging.Snapshot{ID: staging.NewID(staging.SnapshotPrefix), Project: env.Project, Source: env.ID, SourceKind: env.Kind, Revision: env.Deployed.Revision,
		TakenAt: e.Now(), State: staging.SnapshotTaking, Automatic: r.Automatic, CreatedBy: r.Actor, Only: r.Only, Parts: parts(dep.Stack, r.Only)}
	if len(s.Parts) == 0 && r.Only != "" {
		return s, nil, staging.NotFound("offshoot data show "+env.Slug, "environment %s has no data named %q that a snapshot holds", env.Slug, r.Only)
	}
	if len(s.Parts) == 0 {
		return s, nil, staging.Refused("snapshots are of datastores and named volumes; offshoot check shows what the stack has", "environment %s has no data to take a snapshot of", env.Slug)
	}
	// Whoever asked may go away: what is written is also taken, or said to have
	// failed.
	return s, func(ctx context.Context) error { return e.take(ctx, s) }, e.written(context.WithoutCancel(ctx), s)
}

// written keeps a snapshot, with a row for each of its folders.
func (e *Engine) written(ctx context.Context, s staging.Snapshot) error {
	return e.Store.Write(ctx, func(w Writer) error {
		for _, p := range s.Parts {
			if err := w.PutResource(ctx, staging.Resource{Name: plan.Name(s.ID, staging.ResourceSnapshot, p.Name), Kind: staging.ResourceSnapshot, Driver: "folder",
				Owner: s.ID, Project: s.Project, State: staging.ResourceIntended, CreatedAt: e.Now()}); err != nil {
				return err
			}
		}
		return w.PutSnapshot(ctx, s)
	})
}

// parts are what of a stack's data a snapshot holds: sessions and jobs are no
// one else's.
func parts(stack *staging.Stack, only string) []staging.SnapshotPart {
	list := []staging.SnapshotPart{}
	for _, d := range stack.Datastores {
		if d.Kind != "redis" && (only == "" || only == d.Name) {
			list = append(list, staging.SnapshotPart{Name: d.Name, Kind: d.Kind})
		}
	}
	for _, x := range stack.Volumes {
		if x.Clone && (only == "" || only == x.Name) {
			list = append(list, staging.SnapshotPart{Name: x.Name, Kind: "volume"})
		}
	}
	return list
}

// take copies the data of one paused instant, then proves the copy by starting
// and asking it.
func (e *Engine) take(ctx context.Context, s staging.Snapshot) error {
	defer e.forget(s.ID) // proving it was something like an environment's work
	err := e.copyAndVerify(ctx, &s)
	if err == nil {
		return e.announced(ctx, s)
	}
	if e.ctx.Err() != nil {
		err = errStopped
	}
	return errors.Join(err, e.failSnapshot(context.WithoutCancel(ctx), s, err))
}

// failSnapshot keeps why there is no snapshot, and none of its files.
func (e *Engine) failSnapshot(ctx context.Context, s staging.Snapshot, cause error) error {
	class, hint := staging.ClassData, "see the server's log, then try again"
	if dir, err := e.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, "x")); err == nil && staging.CodeOf(cause) == staging.CodeInternal {
		cause = diskFull(cause, filepath.Dir(dir))
	}
	var known *staging.Error
	if errors.As(cause, &known) && known.Hint != "" {
		hint = known.Hint
	}
	if staging.CodeOf(cause) == staging.ClassCode(staging.ClassCapacity) {
		class = staging.ClassCapacity
	}
	s.State, s.SizeBytes = staging.SnapshotFailed, 0
	s.Failure = &staging.Failure{Class: class, Step: staging.StepData, Message: e.Redactor(ctx, s.Source).String(cause.Error()), Hint: hint,
		Retryable: true, LogTail: []string{}, Problems: []staging.Problem{}, Next: []staging.NextCommand{}}
	if known != nil && known.Failure != nil {
		s.Failure.Service, s.Failure.ExitCode = known.Failure.Service, known.Failure.ExitCode
		s.Failure.LogTail = append(s.Failure.LogTail, known.Failure.LogTail...)
	}
	return errors.Join(e.dropSnapshot(ctx, s.ID), e.announced(ctx, s))
}

func (e *Engine) announced(ctx context.Context, s staging.Snapshot) error {
	return e.Store.Write(ctx, func(w Writer) error {
		if err := w.PutSnapshot(ctx, s); err != nil {
			return err
		}
		_, err := w.AppendEvent(ctx, staging.Event{At: e.Now(), Type: "snapshot." + string(s.State), Project: s.Project, Environment: s.Source, Actor: s.CreatedBy,
			Message: "snapshot " + s.ID + " is " + string(s.State), Detail: map[string]any{"snapshot": s.ID}})
		return err
	})
}

func (e *Engine) copyAndVerify(ctx context.Context, s *staging.Snapshot) error {
	base, err := e.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, "x"))
	if err != nil {
		return err
	}
	dep, err := e.copySettled(ctx, s, filepath.Dir(base))
	if err != nil {
		return err
	}
	if err := e.layer(ctx, dep, s); err != nil {
		return err
	}
	s.State = staging.SnapshotVerifying
	if err := e.Store.Write(ctx, func(w Writer) error { return w.PutSnapshot(ctx, *s) }); err != nil {
		return err
	}
	for i := range s.Parts {
		if err := e.verify(ctx, dep, s, &s.Parts[i]); err != nil {
			return fmt.Errorf("verify %s: %w", s.Parts[i].Name, err)
		}
		s.SizeBytes += s.Parts[i].SizeBytes
	}
	if err := e.release(ctx, s.ID); err != nil {
		return err
	}
	s.State, s.VerifiedAt = staging.SnapshotReady, e.Now()
	return nil
}

func part(s *staging.Snapshot, name string) *staging.SnapshotPart {
	for i := range s.Parts {
		if s.Parts[i].Name == name {
			return &s.Parts[i]
		}
	}
	return nil
}

// dropSnapshot removes a snapshot's data and everything made for it.
func (e *Engine) dropSnapshot(ctx context.Context, id string) error {
	if err := e.release(ctx, id); err != nil {
		return err
	}
	rows, err := e.Store.Resources(ctx, id)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := e.Folders.Delete(ctx, row.Name); err != nil {
			return err
		}
		if err := e.Store.Write(ctx, func(w Writer) error { return w.DeleteResource(ctx, row.Name) }); err != nil {
			return err
		}
	}
	path, err := e.Folders.Path(plan.Name(id, staging.ResourceSnapshot, "x"))
	if err != nil {
		return err
	}
	return copytree.Remove(filepath.Dir(filepath.Dir(path)))
}

// RecoverSnapshots ends those that an earlier server was taking, and removes
// what is left of those that it was removing.
func (e *Engine) RecoverSnapshots(ctx context.Context, projects []staging.Project) error {
	known := map[string]bool{}
	for _, p := range projects {
		list, err := e.Store.Snapshots(ctx, p.Name)
		if err != nil {
			return err
		}
		for _, s := range list {
			known[s.ID] = s.State != staging.SnapshotFailed
			if s.State == staging.SnapshotTaking || s.State == staging.SnapshotVerifying {
				if err := e.failSnapshot(ctx, s, errStopped); err != nil {
					return err
				}
			}
		}
	}
	rows, err := e.Store.ResourcesByKind(ctx, staging.ResourceSnapshot)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !known[row.Owner] {
			if err := e.dropSnapshot(ctx, row.Owner); err != nil {
				return err
			}
			known[row.Owner] = true
		}
	}
	return nil
}

// firstSnapshot takes one of where new data comes from, where a branch needs
// data and no snapshot is kept; only one at a time.
func (a *actor) firstSnapshot(ctx context.Context, v *view) error {
	var from staging.Environment
	var err error
	if chosen := v.project.Policy.SnapshotSource; chosen != "" {
		from, err = a.Store.Environment(ctx, chosen)
	} else {
		from, err = a.Store.EnvironmentByBranch(ctx, v.project.Name, v.project.StagingBranch)
	}
	if staging.CodeOf(err) == staging.CodeNotFound || err == nil && (from.ID == a.id || from.Deployed.Deployment == "" || !from.DeleteRequestedAt.IsZero()) {
		return nil
	}
	if err != nil {
		return err
	}
	m := a.remembered(from.ID)
	m.first.Lock()
	defer m.first.Unlock()
	if newest, err := a.newest(ctx, v); err != nil || newest != "" {
		return err // taken while this one waited
	}
	s, run, err := a.BeginSnapshot(ctx, SnapshotRequest{Environment: from.ID, Actor: "server", Automatic: true})
	if staging.CodeOf(err) == staging.CodeRefused {
		return nil // it has no data either
	}
	if err != nil {
		return err
	}
	// It is not the branch's own: others wait for it too, whatever becomes of the
	// branch that asked first.
	ended := make(chan error, 1)
	if !a.Go(func(ctx context.Context) { ended <- run(ctx) }) {
		return errors.Join(context.Canceled, a.failSnapshot(context.WithoutCancel(ctx), s, errStopped))
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
