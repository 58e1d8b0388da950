package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// compareLimit bounds asking the servers for their schema: what does not answer
// counts as changed, and then what was written since the mark is set aside.
const compareLimit = time.Minute

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
	// Asked for while everything is copied: nothing has released yet.
	asked := make(chan map[string]string, 1)
	go func() { asked <- a.schemas(ctx, v, dep) }()
	if info, err := os.Lstat(dir); err == nil { // an earlier server made it whole
		schemas := <-asked
		return a.marked(ctx, v, dep, func(p *staging.Progress) { p.Mark, p.MarkedAt, p.Schemas = op.Resource, info.ModTime(), schemas })
	}
	if reason, err := a.noWayBack(ctx, v, dep); err != nil || reason != "" {
		return errors.Join(err, a.marked(ctx, v, dep, func(p *staging.Progress) { p.NoMark = reason }))
	}
	at, err := a.freeze(ctx, v, dep, DataNames(dep.Stack), dir)
	if staging.CodeOf(err) == staging.ClassCode(staging.ClassCapacity) {
		return err
	}
	if err != nil {
		return staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot deploy --force tries again; the server's log says more", "keep the data as it is before the release: %w", err)
	}
	schemas := <-asked
	return a.marked(ctx, v, dep, func(p *staging.Progress) {
		p.Mark, p.MarkedAt, p.MarkMS, p.Schemas = op.Resource, at, a.Now().Sub(begin).Milliseconds(), schemas
	})
}

func (a *actor) marked(ctx context.Context, v *view, dep *staging.Deployment, edit func(*staging.Progress)) error {
	return a.change(ctx, v, dep.ID, func(d *staging.Deployment) { edit(&d.Progress) })
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

// wayBackLimit is how much is copied by reading before a release; more would
// keep everybody waiting.
const wayBackLimit = 1 << 30

// noWayBack is why a release runs without a mark, "" where it has one.
func (a *actor) noWayBack(ctx context.Context, v *view, dep *staging.Deployment) (string, error) {
	var total int64
	for _, name := range DataNames(dep.Stack) {
		_, c, err := a.cloneOf(ctx, v, dep, name)
		if err != nil {
			return "", err
		}
		if copytree.Between(c.Dir, filepath.Dir(c.Dir)) != copytree.Plain {
			return "", nil
		}
		n, err := copytree.Size(ctx, c.Dir)
		if err != nil {
			return "", err
		}
		total += n
	}
	if total <= wayBackLimit {
		return "", nil
	}
	reason := "this host copies " + human.Size(total) + " only by reading them"
	a.detail(dep.ID, staging.StepRelease, "without a way back: "+reason)
	return reason, nil
}

// schemas are the fingerprints of those datastores that can be asked.
func (a *actor) schemas(ctx context.Context, v *view, dep *staging.Deployment) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, compareLimit)
	defer cancel()
	found := map[string]string{}
	for _, d := range dep.Stack.Datastores {
		driver, c, err := a.cloneOf(ctx, v, dep, d.Name)
		inspector, ok := driver.(datastore.Inspector)
		if err != nil || !ok {
			continue
		}
		found[d.Name] = "" // what cannot be asked counts as changed
		at, err := a.dataAddress(ctx, dep, d.Name)
		if err != nil {
			continue
		}
		if sum, err := inspector.Fingerprint(ctx, c, at); err == nil {
			found[d.Name] = sum
		}
	}
	for _, s := range dep.Stack.Services {
		if s.Backing && slices.ContainsFunc(s.Mounts, func(m staging.Mount) bool { return m.Kind == staging.MountVolume }) {
			found[s.Name] = "" // nobody knows how to ask it
		}
	}
	return found
}

// compare asks whether the release that failed had changed the schema. What a
// server of another version has written counts as changed.
func (a *actor) compare(ctx context.Context, v *view, dep *staging.Deployment) error {
	answer := staging.SchemaSame
	if plan.Upgrades(dep, v.Serving) {
		answer = staging.SchemaChanged
	}
	for name, sum := range a.schemas(ctx, v, dep) {
		if before, ok := dep.Progress.Schemas[name]; !ok || sum == "" || sum != before {
			answer = staging.SchemaChanged
		}
	}
	return a.Store.Write(ctx, func(w Writer) error {
		return edited(ctx, w, dep.ID, func(d *staging.Deployment) {
			d.Progress.Schema = answer
			if d.Failure != nil && answer == staging.SchemaSame {
				d.Failure.Hint += "; the schema was not changed, so the data stays as it is"
			}
		})
	})
}

// restore puts the mark's data back; what was there is kept for a day. Each
// part is two renames: away what is there, then back what was marked. A part
// that has left the mark is done, so a new server goes on where this one ends.
func (a *actor) restore(ctx context.Context, v *view, dep *staging.Deployment, op plan.Op) error {
	mark, err := a.Folders.Path(op.Resource)
	if err != nil {
		return err
	}
	for _, name := range DataNames(dep.Stack) {
		if _, err := os.Lstat(filepath.Join(mark, name)); errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		clone := plan.CloneName(dep, name)
		dir, err := a.Folders.Path(clone)
		if err != nil {
			return err
		}
		if err := a.moveAside(ctx, v, dep.ID, clone, dir, false); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(mark, name), dir); err != nil {
			return err
		}
	}
	since := dep.Progress.MarkedAt
	return a.Store.Write(ctx, func(w Writer) error {
		env, err := w.Environment(ctx, a.id)
		if err != nil {
			return err
		}
		undo := "offshoot data undo " + env.Slug
		if err := edited(ctx, w, dep.ID, func(d *staging.Deployment) {
			d.Progress.Restored = true
			if d.Failure == nil {
				return
			}
			d.Failure.Hint += fmt.Sprintf("; the data is as it was before the release, what was written since %s is set aside: `%s` brings it back until tomorrow",
				since.Format(time.RFC3339), undo)
			d.Failure.Next = append(d.Failure.Next, staging.NextCommand{Command: undo, Why: "the data as the failed release left it, with what was written since"})
		}); err != nil {
			return err
		}
		return a.event(ctx, w, env, "data.restored", "has its data of "+since.Format(time.RFC3339)+" again; what was written since is set aside: "+undo)
	})
}
