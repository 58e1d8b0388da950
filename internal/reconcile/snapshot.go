package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// verifyLimit bounds recovering and asking one golden copy.
const verifyLimit = 30 * time.Minute

// BeginSnapshot writes down that a snapshot of an environment's data is taken;
// run takes it. A crash in between leaves rows by which it is removed.
func (e *Engine) BeginSnapshot(ctx context.Context, environment, actor string, automatic bool) (s staging.Snapshot, run func(context.Context) error, err error) {
	env, err := e.Store.Environment(ctx, environment)
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
		TakenAt: e.Now(), State: staging.SnapshotTaking, Automatic: automatic, CreatedBy: actor, Parts: []staging.SnapshotPart{}}
	for _, d := range dep.Stack.Datastores {
		if d.Kind != "redis" { // sessions and jobs are no one else's
			s.Parts = append(s.Parts, staging.SnapshotPart{Name: d.Name, Kind: d.Kind})
		}
	}
	for _, x := range dep.Stack.Volumes {
		if x.Clone {
			s.Parts = append(s.Parts, staging.SnapshotPart{Name: x.Name, Kind: "volume"})
		}
	}
	if len(s.Parts) == 0 {
		return s, nil, staging.Refused("", "environment %s has no data to take a snapshot of", env.Slug)
	}
	err = e.Store.Write(ctx, func(w Writer) error {
		for _, p := range s.Parts {
			if err := w.PutResource(ctx, staging.Resource{Name: plan.Name(s.ID, staging.ResourceSnapshot, p.Name), Kind: staging.ResourceSnapshot, Driver: "folder",
				Owner: s.ID, Project: s.Project, State: staging.ResourceIntended, CreatedAt: e.Now()}); err != nil {
				return err
			}
		}
		return w.PutSnapshot(ctx, s)
	})
	return s, func(ctx context.Context) error { return e.take(ctx, env, dep, s) }, err
}

// take copies the data of one paused instant, then proves the copy by starting
// and asking it.
func (e *Engine) take(ctx context.Context, env staging.Environment, dep staging.Deployment, s staging.Snapshot) error {
	err := e.copyAndVerify(ctx, env, dep, &s)
	if err != nil {
		s.State = staging.SnapshotFailed
		s.Failure = &staging.Failure{Class: staging.ClassData, Step: staging.StepData, Message: e.Redactor(ctx, env.ID).String(err.Error()),
			Hint: "free disk space, or see the server's log; then try again", LogTail: []string{}, Problems: []staging.Problem{}, Next: []staging.NextCommand{}}
		err = errors.Join(err, e.dropSnapshot(context.WithoutCancel(ctx), s.ID))
	}
	return errors.Join(err, e.Store.Write(context.WithoutCancel(ctx), func(w Writer) error {
		if err := w.PutSnapshot(ctx, s); err != nil {
			return err
		}
		_, err := w.AppendEvent(ctx, staging.Event{At: e.Now(), Type: "snapshot." + string(s.State), Project: s.Project, Environment: s.Source, Actor: s.CreatedBy,
			Message: "snapshot " + s.ID + " is " + string(s.State), Detail: map[string]any{"snapshot": s.ID}})
		return err
	}))
}

func (e *Engine) copyAndVerify(ctx context.Context, env staging.Environment, dep staging.Deployment, s *staging.Snapshot) error {
	a := newActor(e, env.ID, e.remembered(env.ID))
	v := &view{Input: plan.Input{Environment: env}, project: staging.Project{Name: env.Project}}
	base, err := e.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, "x"))
	if err != nil {
		return err
	}
	a.mem.data.Lock()
	s.TakenAt, err = a.freeze(ctx, v, &dep, filepath.Dir(base))
	a.mem.data.Unlock()
	if err != nil {
		return err
	}
	s.State = staging.SnapshotVerifying
	if err := e.Store.Write(ctx, func(w Writer) error { return w.PutSnapshot(ctx, *s) }); err != nil {
		return err
	}
	// Everything was copied; what is not part of the snapshot goes.
	entries, err := os.ReadDir(filepath.Dir(base))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if part(s, entry.Name()) == nil {
			if err := os.RemoveAll(filepath.Join(filepath.Dir(base), entry.Name())); err != nil {
				return err
			}
		}
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

func (e *Engine) remembered(environment string) *memory {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.recall(environment)
}

// verify pays the recovery of one part, asks it, and stops it cleanly.
func (e *Engine) verify(ctx context.Context, dep staging.Deployment, s *staging.Snapshot, p *staging.SnapshotPart) error {
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	a := newActor(e, s.ID, e.remembered(s.ID))
	dir, err := e.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, p.Name))
	if err != nil {
		return err
	}
	driver, store, err := a.driver(&dep, p.Name)
	if err != nil {
		return err
	}
	c := datastore.Clone{Name: plan.Name(s.ID, staging.ResourceClone, p.Name), Owner: s.ID, Dir: dir, Store: store, Password: e.Password(s.ID, p.Name)}
	verifier, ok := driver.(datastore.Verifier)
	if !ok {
		p.SizeBytes, err = size(dir)
		return err
	}
	scope := plan.Name(s.ID, staging.ResourceScope, "0")
	endpoint := plan.Name(s.ID, staging.ResourceEndpoint, p.Name)
	server := plan.Name(s.ID, staging.ResourceWorkload, "data."+p.Name)
	if err := e.Store.Write(ctx, func(w Writer) error {
		for name, kind := range map[string]staging.ResourceKind{scope: staging.ResourceScope, endpoint: staging.ResourceEndpoint, server: staging.ResourceWorkload} {
			if err := w.PutResource(ctx, staging.Resource{Name: name, Kind: kind, Driver: e.Platform.Traits().Name, Owner: s.ID, Project: s.Project,
				State: staging.ResourceIntended, CreatedAt: e.Now()}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, r := range []platform.Resource{{Kind: staging.ResourceScope, Name: scope, Owner: s.ID, Scope: &platform.Scope{Project: s.Project}},
		{Kind: staging.ResourceEndpoint, Name: endpoint, Owner: s.ID, Endpoint: &platform.Endpoint{Service: p.Name}}} {
		if _, err := e.Platform.Apply(ctx, r); err != nil {
			return err
		}
	}
	if u, ok := e.Platform.(Users); ok {
		_, c.UID, err = u.Users(ctx, s.ID)
		if err != nil {
			return err
		}
		c.GID = c.UID
		if err := handOver(dir, c.UID); err != nil {
			return err
		}
	}
	at, err := a.address(ctx, endpoint)
	if err != nil {
		return err
	}
	serving, err := driver.Serve(ctx, c, at)
	if err != nil {
		return err
	}
	ref := platform.Ref{Kind: staging.ResourceWorkload, Name: server, Owner: s.ID}
	if _, err := e.Platform.Apply(ctx, platform.Resource{Kind: ref.Kind, Name: server, Owner: s.ID, SpecHash: hash(serving.Workload), Workload: &serving.Workload}); err != nil {
		return err
	}
	op := plan.Op{Kind: ref.Kind, Resource: server}
	if err := a.unlessItFails(ctx, op, func(ctx context.Context) error { return driver.Ready(ctx, c, at) }); err != nil {
		return fmt.Errorf("the copy does not start: %w", err)
	}
	report, err := verifier.Verify(ctx, c, at)
	if err != nil {
		return err
	}
	if err := driver.Quiet(ctx, c, at); err != nil {
		return err
	}
	if err := e.Platform.Delete(ctx, ref); err != nil {
		return err
	}
	p.Engine, p.SizeBytes = report.Summary, report.SizeBytes
	return verifier.Trim(ctx, dir)
}

// handOver gives the data below a folder to a user; our own records stay ours.
func handOver(dir string, uid int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Dir(path) == dir && !entry.IsDir() || path == dir {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}

func size(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// release takes away what verifying needed: all that the platform made.
func (e *Engine) release(ctx context.Context, id string) error {
	rows, err := e.Store.Resources(ctx, id)
	if err != nil {
		return err
	}
	ranks := map[staging.ResourceKind]int{staging.ResourceWorkload: 0, staging.ResourceEndpoint: 1, staging.ResourceScope: 2}
	for rank := range len(ranks) {
		for _, row := range rows {
			if r, ok := ranks[row.Kind]; !ok || r != rank {
				continue
			}
			if err := e.Platform.Delete(ctx, ref(row)); err != nil {
				return err
			}
			if err := e.Store.Write(ctx, func(w Writer) error { return w.DeleteResource(ctx, row.Name) }); err != nil {
				return err
			}
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
	return os.RemoveAll(filepath.Dir(filepath.Dir(path)))
}

// RemoveSnapshot deletes a snapshot's data, then its row.
func (e *Engine) RemoveSnapshot(ctx context.Context, id string) error {
	if err := e.dropSnapshot(ctx, id); err != nil {
		return err
	}
	return e.Store.Write(ctx, func(w Writer) error { return w.DeleteSnapshot(ctx, id) })
}

// RecoverSnapshots ends those that an earlier server was taking.
func (e *Engine) RecoverSnapshots(ctx context.Context, projects []staging.Project) error {
	for _, p := range projects {
		list, err := e.Store.Snapshots(ctx, p.Name)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.State == staging.SnapshotTaking || s.State == staging.SnapshotVerifying {
				if err := e.RemoveSnapshot(ctx, s.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Go runs work that outlives a request, until it ends or the engine stops.
func (e *Engine) Go(work func(ctx context.Context)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.all.Go(func() { work(e.ctx) })
	}
}

// firstSnapshot takes one of the shared environment where a branch needs data
// and no snapshot is kept; only one at a time.
func (a *actor) firstSnapshot(ctx context.Context, v *view) error {
	shared, err := a.Store.EnvironmentByBranch(ctx, v.project.Name, v.project.StagingBranch)
	if staging.CodeOf(err) == staging.CodeNotFound || err == nil && (shared.Deployed.Deployment == "" || !shared.DeleteRequestedAt.IsZero()) {
		return nil
	}
	if err != nil {
		return err
	}
	m := a.remembered(shared.ID)
	m.first.Lock()
	defer m.first.Unlock()
	list, err := a.Store.Snapshots(ctx, v.project.Name)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.State == staging.SnapshotReady && s.SourceKind == staging.KindShared {
			return nil // taken while this one waited
		}
	}
	_, run, err := a.BeginSnapshot(ctx, shared.ID, "server", true)
	if staging.CodeOf(err) == staging.CodeRefused {
		return nil // it has no data either
	}
	if err != nil {
		return err
	}
	return run(ctx)
}
