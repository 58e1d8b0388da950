package engine

import (
	"context"
	"errors"
	"strings"
	"sync"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Images are the builds that the images of a stack hold. It is safe for
// concurrent use.
type Images struct {
	// run runs a program of an image, id is an image's, got where it is not there.
	run func(ctx context.Context, p staging.Program) ([]byte, error)
	id  func(ctx context.Context, name string) (string, error)

	mu    sync.Mutex
	known map[datastore.Wanted]datastore.Engine
}

// NewImages asks by these two.
func NewImages(run func(context.Context, staging.Program) ([]byte, error), id func(ctx context.Context, name string) (string, error)) *Images {
	return &Images{run: run, id: id, known: map[datastore.Wanted]datastore.Engine{}}
}

// within stands in a build's name between its version and its image.
const within = " in "

// Provide is the build in the image that is named.
func (i *Images) Provide(ctx context.Context, want datastore.Wanted, tell datastore.Progress) (datastore.Engine, error) {
	if want.Image == "" {
		return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), "name one in the Compose file", "nothing says which image holds %s", want.Kind)
	}
	if tell != nil {
		tell("looking at "+want.Image, 0, 0)
	}
	id, err := i.id(ctx, want.Image)
	if err != nil {
		return datastore.Engine{}, err
	}
	key := datastore.Wanted{Kind: want.Kind, Image: id}
	i.mu.Lock()
	e, ok := i.known[key]
	i.mu.Unlock()
	if ok {
		return e, nil
	}
	if e, err = i.ask(ctx, key); err != nil {
		return e, err
	}
	i.mu.Lock()
	i.known[key] = e
	i.mu.Unlock()
	return e, nil
}

// ask finds a program of an image by running it.
func (i *Images) ask(ctx context.Context, want datastore.Wanted) (datastore.Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var errs []error
	for _, program := range programs(want.Kind) {
		out, err := i.run(ctx, staging.Program{Image: want.Image, Args: []string{program, "--version"}})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return called(want.Kind, program, line, want.Image), nil
	}
	return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), "is it one of "+want.Kind+"? declare another image, or give the service another name",
		"no %s runs in the image: %w", want.Kind, errors.Join(errs...))
}

func called(kind, program, line, image string) datastore.Engine {
	v := version.FindString(line)
	return datastore.Engine{Name: line + within + image, Kind: kind, Version: v, Major: major(v), Program: program, Image: image}
}

// ByName is the build of that name: all that must be known of it stands in there.
func (i *Images) ByName(_ context.Context, kind, name string) (datastore.Engine, error) {
	at := strings.LastIndex(name, within)
	if at < 0 {
		return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), "take a snapshot there, or start empty: --snapshot none",
			"the data was made by a server of a host (%s), not by one in an image", name)
	}
	return called(kind, programs(kind)[0], name[:at], name[at+len(within):]), nil
}

// List is what was asked for so far.
func (i *Images) List(_ context.Context, kind string) ([]datastore.Engine, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []datastore.Engine
	for key, e := range i.known {
		if key.Kind == kind {
			all = append(all, e)
		}
	}
	return all, nil
}
