package imagebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"offshoot/internal/staging"
)

// Built is what a build made.
type Built struct {
	// Artifact is what Image leads from to each reference.
	Artifact string
	// Images are the ids of the images by their names.
	Images map[string]string
}

// Kept is the artifact of an earlier build of the same specification, "" where
// an image of it is missing. It is kept for some hours from then.
func (b *Builder) Kept(ctx context.Context, spec staging.BuildSpec) (string, error) {
	artifact, err := b.artifact(spec)
	if err != nil {
		return "", err
	}
	found, err := b.find(ctx, artifact, spec)
	if err != nil || found == nil {
		return "", err
	}
	return artifact, nil
}

// artifact is what spec's would be called.
func (b *Builder) artifact(spec staging.BuildSpec) (string, error) {
	if spec.Project == "" || !contentKey.MatchString(spec.Key) || len(spec.Images) == 0 {
		return "", errors.New("nothing says what to build")
	}
	return artifactOf(spec.Project, spec.Key), nil
}

// find are the ids of spec's images where all of them are there, and says that
// they are wanted.
func (b *Builder) find(ctx context.Context, artifact string, spec staging.BuildSpec) (map[string]string, error) {
	b.named.Lock()
	defer b.named.Unlock()
	ids := map[string]string{}
	var refs []string
	for _, image := range spec.Images {
		ref := Image(artifact, image.Name)
		r, err := b.inspect(ctx, ref)
		if cerrdefs.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, disconnected("", err)
		}
		if r.Config == nil || !owns(r.Config.Labels, spec) {
			return nil, failed(staging.ClassPlatform, image.Name, "remove or rename it: `docker image rm "+ref+"`", "an image that Offshoot did not make is called %s", ref)
		}
		ids[image.Name] = r.ID
		refs = append(refs, ref)
	}
	return ids, b.uses.mark(refs...)
}

func (b *Builder) inspect(ctx context.Context, ref string) (client.ImageInspectResult, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	return b.Engine.ImageInspect(ctx, ref)
}

func (b *Builder) version(ctx context.Context) (client.ServerVersionResult, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	return b.Engine.ServerVersion(ctx, client.ServerVersionOptions{})
}

// Build builds spec's images, or finds them built. Callers that want the same at
// once share one build, which ends when none of them waits any more: then its
// steps are gone from the engine. An error is a *staging.Error with a Failure,
// that of a cancelled build apart.
func (b *Builder) Build(ctx context.Context, spec staging.BuildSpec, o Options) (Built, error) {
	artifact, err := b.artifact(spec)
	if err != nil {
		return Built{}, err
	}
	ids, err := b.flights.join(ctx, artifact, o.Progress, func(ctx context.Context, tell func(Line)) (map[string]string, error) {
		found, err := b.find(ctx, artifact, spec)
		if err != nil || found != nil {
			return found, err
		}
		return b.build(ctx, artifact, spec, Options{Credentials: o.Credentials, Progress: tell})
	})
	return Built{Artifact: artifact, Images: ids}, err
}

// build is one build of all images of spec.
func (b *Builder) build(ctx context.Context, artifact string, spec staging.BuildSpec, o Options) (map[string]string, error) {
	limit := spec.Timeout
	if limit <= 0 {
		limit = longest
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	v, err := b.version(ctx)
	if err != nil {
		return nil, disconnected("", err)
	}
	root, err := os.OpenRoot(spec.Checkout)
	if err != nil {
		return nil, fmt.Errorf("the checkout: %w", err)
	}
	defer func() { _ = root.Close() }()
	all, err := jobs(spec.Images)
	if err != nil {
		return nil, err
	}
	run := &building{Builder: b, spec: spec, artifact: artifact, checkout: checkout{root}, options: o, limit: limit, contexts: knowsContexts(v.APIVersion)}
	group, going := errgroup.WithContext(ctx)
	for _, j := range all {
		group.Go(func() error {
			defer close(j.done)
			for _, other := range j.after {
				select {
				case <-other.done:
				case <-going.Done():
					return context.Cause(going)
				}
			}
			if err := run.turn(going, j); err != nil {
				return err
			}
			defer func() { <-b.turn }()
			return run.image(going, j)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	ids, err := b.find(ctx, artifact, spec)
	if err == nil && ids == nil {
		err = failed(staging.ClassPlatform, "", "deploy again", "what was built is gone from the engine already")
	}
	return ids, err
}

// knowsContexts is whether the engine's own Dockerfile reader knows further
// contexts: from 23.0 on.
func knowsContexts(api string) bool {
	major, minor, _ := strings.Cut(api, ".")
	m, _ := strconv.Atoi(major)
	n, _ := strconv.Atoi(minor)
	return m > 1 || n >= 42
}
