package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/engine/fetch"
	"offshoot/internal/staging"
)

const (
	// fetchLimit bounds one download.
	fetchLimit = 15 * time.Minute
	// partial begins the name of what is not whole yet.
	partial = ".partial-"
)

// Fetchable says why a program of that kind could not be fetched on this host,
// with what to do instead; nil where it can be tried.
func Fetchable(ctx context.Context, kind string) error {
	b, ok := build(kind, "")
	if !ok {
		return staging.Refused("install it with the system's packages: "+packages(kind, ""), "no build of %s is known for %s", kind, here())
	}
	if err := fetch.Able(ctx, b.From[here()].Way); err != nil {
		return refused(b, err)
	}
	return nil
}

// Available are the names that Install knows on this host.
func Available() []string {
	var names []string
	for _, b := range Builds() {
		if _, ok := b.From[here()]; ok {
			names = append(names, b.Kind+"@"+b.Major)
		}
	}
	return names
}

// Install fetches what a person names (postgres@15, redis, valkey, psql), where
// the host does not have it; an engine that was there is answered too.
func (r *Runtime) Install(ctx context.Context, name string, tell datastore.Progress) (datastore.Engine, error) {
	called, major, _ := strings.Cut(strings.ToLower(name), "@")
	kind := strings.NewReplacer("postgresql", "postgres", "valkey", "redis").Replace(called)
	if kind = strings.TrimSuffix(kind, "-server"); programs(kind) == nil {
		return datastore.Engine{}, staging.Errorf(staging.CodeUsage, "one of "+strings.Join(Available(), ", "), "nothing is known of %q", name)
	}
	if major == "latest" {
		major = ""
	}
	b, ok := build(kind, major)
	if ok && strings.HasPrefix(called, "valkey") { // not its relative
		return r.valkey(ctx, b, tell)
	}
	e, err := r.Provide(ctx, datastore.Wanted{Kind: kind, Major: major}, tell)
	if err != nil && !ok {
		return e, staging.Refused("one of "+strings.Join(Available(), ", ")+"; or install it with the system's packages: "+packages(kind, major),
			"no build of %s is known for %s", name, here())
	}
	return e, err
}

func (r *Runtime) valkey(ctx context.Context, b Build, tell datastore.Progress) (datastore.Engine, error) {
	r.forget()
	all, err := r.List(ctx, b.Kind)
	if err != nil {
		return datastore.Engine{}, err
	}
	for _, e := range all {
		if strings.HasPrefix(e.Program, "valkey") {
			return e, nil
		}
	}
	return r.join(ctx, b, tell)
}

// build is the pinned one for this host. Any Redis does for any.
func build(kind, major string) (Build, bool) {
	for _, b := range Builds() {
		if _, ok := b.From[here()]; ok && b.Kind == kind && (major == "" || b.Major == major || kind == "redis") {
			return b, true
		}
	}
	return Build{}, false
}

// install fetches a build to a name of its own, sees it run, and renames it:
// what has its name is whole.
func (r *Runtime) install(ctx context.Context, b Build, tell datastore.Progress) (datastore.Engine, error) {
	if err := os.MkdirAll(r.runtime, 0o755); err != nil {
		return datastore.Engine{}, err
	}
	lock := r.lock()
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return datastore.Engine{}, fmt.Errorf("wait for another process that fetches: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	if err := r.clean(); err != nil {
		return datastore.Engine{}, err
	}
	request := b.From[here()]
	path := filepath.Join(r.runtime, b.Kind+"-"+request.Version)
	if _, err := os.Lstat(path); err != nil {
		dir, err := os.MkdirTemp(r.runtime, partial)
		if err != nil {
			return datastore.Engine{}, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		request.Dir = dir
		tell("fetching "+b.Title, 0, request.Size)
		err = fetch.Run(ctx, request, func(done int64) { tell("fetching "+b.Title, min(done, request.Size), request.Size) })
		if err == nil {
			err = sound(ctx, b, filepath.Join(dir, "build"))
		}
		if err == nil {
			err = os.Rename(filepath.Join(dir, "build"), path)
		}
		if err != nil {
			return datastore.Engine{}, refused(b, err)
		}
	}
	r.forget()
	all, err := r.List(ctx, b.Kind)
	if err != nil {
		return datastore.Engine{}, err
	}
	for _, e := range all {
		if e.Root == path {
			return e, nil
		}
	}
	return datastore.Engine{}, refused(b, errors.New("it does not run on this host"))
}

// sound sees that a build runs here, and that others than its owner may run it.
func sound(ctx context.Context, b Build, dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	f := New(dir)
	for _, below := range []string{"bin", "*/bin", "*/*/bin"} {
		for _, name := range programs(b.Kind) {
			found, _ := filepath.Glob(filepath.Join(f.runtime, below, name))
			for _, path := range found {
				_, err := ask(ctx, b.Kind, path)
				return err
			}
		}
	}
	return errors.New("the archive holds no program of that name")
}

// refused says why a build could not be had, and what else to do.
func refused(b Build, err error) error {
	hint := "try again when the machine reaches the internet: offshoot runtime install " + b.Kind + "@" + b.Major + "; or install it with the system's packages: " + packages(b.Kind, b.Major)
	var missing *fetch.Missing
	if errors.As(err, &missing) {
		hint = "install " + missing.Tool + ", then: offshoot runtime install " + b.Kind + "@" + b.Major + "; or install it with the system's packages: " + packages(b.Kind, b.Major)
	}
	return staging.Errorf(staging.ClassCode(staging.ClassData), hint, "this host has no %s, and %s cannot be fetched: %w", b.Kind, b.Title, err)
}
