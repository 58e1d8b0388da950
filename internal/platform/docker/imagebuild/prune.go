package imagebuild

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

const (
	// promised is how long what was wanted is kept whatever the size.
	promised = 6 * time.Hour
	// passing is how long what no deployment can name is kept: it may be of a
	// build that goes on.
	passing = 3 * time.Hour
)

// Policy is which images go.
type Policy struct {
	// Age is after how long without use, Size how many bytes all may have
	// together; 0 is no bound.
	Age  time.Duration
	Size int64
	// Keep are artifacts in use, and what containers are made of that Get got.
	Keep map[string]bool
}

// Held is an image of this server's.
type Held struct {
	// Ref is "" where no reference leads to it any more.
	Ref string
	ID  string
	// Size is with the layers that it shares with others.
	Size int64
	Used time.Time
}

// Prune removes the images of this server that are too old, and the oldest of
// what is too much; it answers what it removed. What a container has, what
// policy keeps, what is being built and what was wanted in the last hours stays.
// Where nothing was ever built no engine is asked: there may be none.
func (b *Builder) Prune(ctx context.Context, policy Policy) ([]Held, error) {
	if used, err := b.uses.all(); err != nil || len(used) == 0 {
		return nil, err
	}
	held, running, err := b.held(ctx)
	if err != nil {
		return nil, err
	}
	var total int64
	sized := map[string]bool{}
	for _, h := range held {
		if !sized[h.ID] {
			total += h.Size
		}
		sized[h.ID] = true
	}
	var removed []Held
	var errs []error
	for _, h := range held {
		idle := time.Since(h.Used)
		artifact := artifactOfImage(h.Ref)
		var goes bool
		if artifact == "" {
			goes = idle > passing
		} else {
			goes = policy.Age > 0 && idle > policy.Age || policy.Size > 0 && total > policy.Size && idle > promised
		}
		if !goes || running[h.ID] || policy.Keep[artifact] || b.flights.has(artifact) {
			continue
		}
		gone, err := b.remove(ctx, h)
		if err != nil {
			errs = append(errs, err)
		}
		if gone {
			total -= h.Size
			removed = append(removed, h)
		}
	}
	var refs []string
	for _, h := range removed {
		refs = append(refs, h.Ref)
	}
	got, err := b.pruneGot(ctx, policy, running)
	return append(removed, got...), errors.Join(append(errs, err, b.uses.forget(refs...), b.sweep(ctx))...)
}

// gotten begins what is remembered of a reference that Get had pulled: what was
// there before is somebody else's.
const gotten = "got "

// pruneGot lets go of what was got and is in no use any more. An image stays as
// long as another reference leads to it.
func (b *Builder) pruneGot(ctx context.Context, policy Policy, running map[string]bool) (removed []Held, err error) {
	used, err := b.uses.all()
	var errs []error
	for key := range used {
		if ref, ok := strings.CutPrefix(key, gotten); ok && policy.Keep[ref] {
			// With its last name an engine takes away what is named by its digest too.
			if i, err := b.Inspect(ctx, ref); err == nil {
				running[i.ID] = true
			}
		}
	}
	for key, at := range used {
		ref, ok := strings.CutPrefix(key, gotten)
		if !ok || policy.Age <= 0 || time.Since(at) <= policy.Age || policy.Keep[ref] {
			continue
		}
		i, err := b.Inspect(ctx, ref)
		if err == nil && running[i.ID] {
			continue
		}
		h := Held{Ref: ref, ID: i.ID, Size: i.Size, Used: at}
		gone := staging.CodeOf(err) == staging.CodeNotFound
		if !gone && err == nil {
			gone, err = b.removeAs(ctx, key, h)
		}
		if err != nil && !gone {
			errs = append(errs, err)
		}
		if gone {
			removed = append(removed, h)
			errs = append(errs, b.uses.forget(key))
		}
	}
	return removed, errors.Join(append(errs, err)...)
}

// held are the images of this server, the longest unused first, and the ids of
// those that containers have.
func (b *Builder) held(ctx context.Context) ([]Held, map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	images, err := b.Engine.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", labelServer+"="+b.Server)})
	if err != nil {
		return nil, nil, disconnected("", err)
	}
	containers, err := b.Engine.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, nil, disconnected("", err)
	}
	running := map[string]bool{}
	for _, c := range containers.Items {
		running[c.ImageID] = true
	}
	used, err := b.uses.all()
	if err != nil {
		return nil, nil, err
	}
	var held []Held
	for _, i := range images.Items {
		created := time.Unix(i.Created, 0)
		ours := false
		for _, ref := range i.RepoTags {
			if ref == "<none>:<none>" {
				continue
			}
			// An image that somebody made from ours inherits its labels.
			if strings.HasPrefix(ref, namespace) {
				ours = true
				h := Held{Ref: ref, ID: i.ID, Size: i.Size, Used: created}
				if at, ok := used[ref]; ok {
					h.Used = at
				}
				held = append(held, h)
			}
		}
		if !ours && !slices.ContainsFunc(i.RepoTags, func(ref string) bool { return ref != "<none>:<none>" }) {
			held = append(held, Held{ID: i.ID, Size: i.Size, Used: created})
		}
	}
	slices.SortFunc(held, func(x, y Held) int { return x.Used.Compare(y.Used) })
	return held, running, nil
}

// remove removes one, unless it was wanted meanwhile or something has it.
func (b *Builder) remove(ctx context.Context, h Held) (bool, error) {
	return b.removeAs(ctx, h.Ref, h)
}

// removeAs is remove of what is remembered by key.
func (b *Builder) removeAs(ctx context.Context, key string, h Held) (bool, error) {
	b.named.Lock() // nobody is promised it meanwhile
	defer b.named.Unlock()
	used, err := b.uses.all()
	if err != nil || used[key].After(h.Used) { // the same time, where it is written down
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	_, err = b.Engine.ImageRemove(ctx, orDefault(h.Ref, h.ID), client.ImageRemoveOptions{PruneChildren: true})
	if cerrdefs.IsConflict(err) {
		return false, nil
	}
	if cerrdefs.IsNotFound(err) {
		return true, nil
	}
	return err == nil, err
}
