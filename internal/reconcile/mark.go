package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// mark copies all data of the environment as of one paused instant.
func (a *actor) mark(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	dir, err := a.Folders.Path(op.Resource)
	if err != nil {
		return err
	}
	if err := a.intend(ctx, v, op.Resource, staging.ResourceMark); err != nil {
		return err
	}
	begin := a.Now()
	if _, err := os.Lstat(dir); err == nil { // an earlier server made it whole
		return a.marked(ctx, v, dep, op, begin, begin)
	}
	at, err := a.freeze(ctx, v, dep, dir)
	if err != nil {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "free disk space, or see the server's log", "keep the data as it is before the release: %w", err)
	}
	return a.marked(ctx, v, dep, op, begin, at)
}

func (a *actor) marked(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op, begin, at time.Time) error {
	return a.Store.Write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		return edited(ctx, w, dep.ID, func(d *staging.Deployment) {
			d.Progress.Mark, d.Progress.MarkedAt, d.Progress.MarkMS = op.Resource, at, a.Now().Sub(begin).Milliseconds()
		})
	})
}

func (a *actor) intend(ctx context.Context, v *view, name string, kind staging.ResourceKind) error {
	return a.Store.Write(ctx, func(w Writer) error {
		if _, err := a.fence(ctx, w, v); err != nil {
			return err
		}
		return w.PutResource(ctx, staging.Resource{Name: name, Kind: kind, Driver: "folder", Owner: a.id, Project: v.project.Name,
			Generation: v.Environment.Generation, State: staging.ResourceIntended, CreatedAt: a.Now()})
	})
}

// freeze copies every clone of dep to dir, one folder each, while everything
// that writes stands still. Servers write out what they can before, so that
// the pause is short.
func (a *actor) freeze(ctx context.Context, v *view, dep *staging.Deployment, dir string) (time.Time, error) {
	pauser, ok := a.Platform.(platform.Pauser)
	if !ok {
		return time.Time{}, errors.New("the platform cannot pause")
	}
	type source struct{ name, dir string }
	var sources []source
	for _, d := range dep.Stack.Datastores {
		driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
		if err != nil {
			return time.Time{}, err
		}
		if at, err := a.dataAddress(ctx, dep, d.Name); err == nil {
			_ = driver.Quiet(ctx, c, at) // only makes the pause shorter
		}
		sources = append(sources, source{d.Name, c.Dir})
	}
	for _, x := range dep.Stack.Volumes {
		_, c, err := a.cloneOf(ctx, v, dep, x.Name)
		if err != nil {
			return time.Time{}, err
		}
		sources = append(sources, source{x.Name, c.Dir})
	}
	var names []string
	rows, err := a.Store.Resources(ctx, a.id)
	if err != nil {
		return time.Time{}, err
	}
	for _, row := range rows {
		if row.Kind == staging.ResourceWorkload && row.State == staging.ResourcePresent {
			names = append(names, row.Name)
		}
	}
	partial := copytree.Partial(dir)
	if err := copytree.Remove(partial); err != nil {
		return time.Time{}, err
	}
	if err := os.MkdirAll(partial, 0o711); err != nil {
		return time.Time{}, err
	}
	if err := pauser.Pause(ctx, a.id, names); err != nil {
		return time.Time{}, errors.Join(err, pauser.Resume(context.WithoutCancel(ctx), a.id, names))
	}
	at := a.Now()
	for _, s := range sources {
		if _, err = copytree.Copy(ctx, s.dir, filepath.Join(partial, s.name), copytree.Options{}); err != nil {
			break
		}
	}
	// What is paused goes on whatever became of the copy.
	err = errors.Join(err, pauser.Resume(context.WithoutCancel(ctx), a.id, names))
	if err != nil {
		return at, errors.Join(diskFull(err), copytree.Remove(partial))
	}
	return at, copytree.Publish(partial, dir, false)
}

// restore puts the mark's data back; what was there is kept for a day.
func (a *actor) restore(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	mark, err := a.Folders.Path(op.Resource)
	if err != nil {
		return err
	}
	var names []string
	for _, d := range dep.Stack.Datastores {
		names = append(names, d.Name)
	}
	for _, x := range dep.Stack.Volumes {
		names = append(names, x.Name)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(mark, name)); errors.Is(err, os.ErrNotExist) {
			continue // moved back before a crash
		}
		clone := plan.Name(a.id, staging.ResourceClone, fmt.Sprintf("%s.%d", name, plan.DataSet(dep)))
		dir, err := a.Folders.Path(clone)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(dir); err == nil {
			if err := a.moveAside(ctx, v, dep.ID, clone, dir); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(mark, name), dir); err != nil {
			return err
		}
	}
	return a.Store.Write(ctx, func(w Writer) error {
		return edited(ctx, w, dep.ID, func(d *staging.Deployment) { d.Progress.Restored = true })
	})
}

// moveAside renames a clone's folder to one that is kept for a day.
func (a *actor) moveAside(ctx context.Context, v *view, reason, clone, dir string) error {
	rest := clone[strings.LastIndexByte(clone, '/')+1:]
	aside := plan.Name(a.id, staging.ResourceAside, rest+"."+reason)
	to, err := a.Folders.Path(aside)
	if err != nil {
		return err
	}
	if err := a.Store.Write(ctx, func(w Writer) error {
		return w.PutResource(ctx, staging.Resource{Name: aside, Kind: staging.ResourceAside, Driver: "folder", Owner: a.id, Project: v.project.Name,
			State: staging.ResourcePresent, CreatedAt: a.Now()})
	}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	return os.Rename(dir, to)
}

// setAside keeps data that a reset replaced.
func (a *actor) setAside(ctx context.Context, v *view, op plan.Op) error {
	dir, err := a.Folders.Path(op.Resource)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		if err := a.moveAside(ctx, v, op.Deployment, op.Resource, dir); err != nil {
			return err
		}
	}
	return a.Store.Write(ctx, func(w Writer) error { return w.DeleteResource(ctx, op.Resource) })
}
