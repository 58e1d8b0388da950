package reconcile

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// verifyLimit bounds recovering and asking one golden copy.
const verifyLimit = 30 * time.Minute

// verify pays the recovery of one part, asks it, and stops it cleanly.
func (e *Engine) verify(ctx context.Context, dep staging.Deployment, s *staging.Snapshot, p *staging.SnapshotPart) error {
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	a, err := e.prover(ctx, s)
	if err != nil {
		return err
	}
	dir, err := e.Folders.Path(plan.Name(s.ID, staging.ResourceSnapshot, p.Name))
	if err != nil {
		return err
	}
	driver, store, err := a.driver(&dep, p.Name)
	if err != nil {
		return err
	}
	verifier, ok := driver.(datastore.Verifier)
	if !ok { // files: nothing can be asked
		if p.SizeBytes, err = copytree.Size(ctx, dir); err != nil {
			return err
		}
		if a.Platform.Traits().Images {
			return nil // its files are those of images' users, who are the same in each environment
		}
		return sealed(dir, 0)
	}
	c := datastore.Clone{Name: plan.Name(s.ID, staging.ResourceClone, p.Name), Owner: s.ID, Dir: dir, Store: store, Password: e.Password(s.ID, p.Name)}
	server := plan.Name(s.ID, staging.ResourceWorkload, "data."+p.Name)
	at, err := a.bench(ctx, s.Project, server, &c)
	if err != nil {
		return err
	}
	report, err := a.prove(ctx, driver, verifier, c, at, server)
	if err != nil {
		return err
	}
	p.Engine, p.SizeBytes = report.Summary, report.SizeBytes
	if err := verifier.Trim(ctx, dir); err != nil {
		return err
	}
	return sealed(dir, 0o222)
}

// prover works on a snapshot, on the platform that it is of.
func (e *Engine) prover(ctx context.Context, s *staging.Snapshot) (*actor, error) {
	env, err := e.Store.Environment(ctx, s.Source)
	if err != nil {
		return nil, err
	}
	on, err := e.ground(env)
	return newActor(e, s.ID, e.remembered(s.ID), on), err
}

// bench makes the place where a copy is proved - a scope and an address, each
// with its row first - and gives the copy to the user that its server will be.
func (a *actor) bench(ctx context.Context, project, server string, c *datastore.Clone) (datastore.Endpoint, error) {
	scope, endpoint := plan.Name(a.id, staging.ResourceScope, "0"), plan.Name(a.id, staging.ResourceEndpoint, c.Store.Name)
	if err := a.Store.Write(ctx, func(w Writer) error {
		for name, kind := range map[string]staging.ResourceKind{scope: staging.ResourceScope, endpoint: staging.ResourceEndpoint, server: staging.ResourceWorkload} {
			if err := w.PutResource(ctx, staging.Resource{Name: name, Kind: kind, Driver: a.Platform.Traits().Name, Owner: a.id, Project: project,
				State: staging.ResourceIntended, CreatedAt: a.Now()}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return datastore.Endpoint{}, err
	}
	for _, r := range []platform.Resource{{Kind: staging.ResourceScope, Name: scope, Owner: a.id, Scope: &platform.Scope{Project: project}},
		{Kind: staging.ResourceEndpoint, Name: endpoint, Owner: a.id, Endpoint: &platform.Endpoint{Service: c.Store.Name, Port: c.Store.Port, Instance: c.Store.Name}}} {
		if _, err := a.Platform.Apply(ctx, r); err != nil {
			return datastore.Endpoint{}, err
		}
	}
	if u, ok := a.Platform.(Users); ok {
		_, data, err := u.Users(ctx, a.id)
		if err != nil {
			return datastore.Endpoint{}, err
		}
		c.UID, c.GID = data, data
		if err := handOver(c.Dir, data); err != nil {
			return datastore.Endpoint{}, err
		}
	}
	return a.address(ctx, endpoint)
}

// benchServer starts a server on a copy, which recovers, and waits until it
// answers.
func (a *actor) benchServer(ctx context.Context, driver datastore.Driver, c datastore.Clone, at datastore.Endpoint, server string) (datastore.Serving, error) {
	serving, err := driver.Serve(ctx, c, at)
	if err != nil {
		return serving, err
	}
	serving.Workload.Instance = c.Store.Name
	r := platform.Resource{Kind: staging.ResourceWorkload, Name: server, Owner: a.id, SpecHash: hash(serving.Workload), Workload: &serving.Workload}
	if _, err := a.Platform.Apply(ctx, r); err != nil {
		return serving, err
	}
	if err := a.unlessItFails(ctx, plan.Op{Kind: r.Kind, Resource: server}, func(ctx context.Context) error { return driver.Ready(ctx, c, at) }); err != nil {
		return serving, fmt.Errorf("the copy does not start: %w", err)
	}
	return serving, nil
}

// prove starts a server on a copy, asks what it holds, and stops it cleanly.
func (a *actor) prove(ctx context.Context, driver datastore.Driver, verifier datastore.Verifier, c datastore.Clone, at datastore.Endpoint, server string) (datastore.Report, error) {
	if _, err := a.benchServer(ctx, driver, c, at, server); err != nil {
		return datastore.Report{}, err
	}
	report, err := verifier.Verify(ctx, c, at)
	if err != nil {
		return report, err
	}
	if err := driver.Quiet(ctx, c, at); err != nil {
		return report, err
	}
	return report, a.Platform.Delete(ctx, platform.Ref{Kind: staging.ResourceWorkload, Name: server, Owner: a.id})
}

// sealed makes a golden copy the server's own, without those rights: the user
// that proved it may be allotted to an environment next.
func sealed(dir string, without fs.FileMode) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, os.Geteuid(), os.Getegid()); err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil || without == 0 {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()&^without)
	})
}

// handOver gives the data below a folder to a user; our own records stay ours.
func handOver(dir string, uid int) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Dir(path) == dir && !entry.IsDir() || path == dir {
			return err
		}
		return copytree.Own(path, uid, uid)
	})
}

// release takes away what a layer and verifying needed: all that the platform
// made, and data that the copy has nothing of.
func (e *Engine) release(ctx context.Context, id string) error {
	rows, err := e.Store.Resources(ctx, id)
	if err != nil {
		return err
	}
	a := newActor(e, id, e.remembered(id), Ground{}) // each row names its own
	ranks := map[staging.ResourceKind]int{staging.ResourceTask: 0, staging.ResourceWorkload: 1, staging.ResourceEndpoint: 2, staging.ResourceScope: 3, staging.ResourceClone: 4}
	for rank := range len(ranks) {
		for _, row := range rows {
			if r, ok := ranks[row.Kind]; !ok || r != rank {
				continue
			}
			if err := a.remove(ctx, row, false); err != nil {
				return err
			}
			if err := e.Store.Write(ctx, func(w Writer) error { return w.DeleteResource(ctx, row.Name) }); err != nil {
				return err
			}
		}
	}
	return nil
}
