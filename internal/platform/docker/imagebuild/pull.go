package imagebuild

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

const (
	// longestPull bounds a pull, and stalled how long it may be silent.
	longestPull = time.Hour
	stalled     = 3 * time.Minute
)

var errStalled = errors.New("its registry sends nothing")

// Pull gets an image of a service that is not built, by its digest where ref
// names one. What is there is used without asking anybody.
func (b *Builder) Pull(ctx context.Context, ref string, o Options) (Info, error) {
	info, err := b.Inspect(ctx, ref)
	if err == nil || staging.CodeOf(err) != staging.CodeNotFound {
		return info, err
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return Info{}, failed(staging.ClassManifest, "", "write it as REGISTRY/NAME:TAG", "%q is no name of an image: %w", ref, err)
	}
	options := client.ImagePullOptions{}
	if o.Credentials != nil {
		host := reference.Domain(named)
		user, password, err := o.Credentials(ctx, host)
		if err != nil {
			return Info{}, fmt.Errorf("the credentials of %s: %w", host, err)
		}
		if options.RegistryAuth, err = authHeader(host, user, password); err != nil {
			return Info{}, err
		}
	}
	if err := b.pull(ctx, ref, options, o); err != nil {
		return Info{}, pullFailed(ctx, ref, err)
	}
	return b.Inspect(ctx, ref)
}

func authHeader(host, user, password string) (string, error) {
	if user == "" && password == "" {
		return "", nil
	}
	text, err := json.Marshal(registry.AuthConfig{Username: user, Password: password, ServerAddress: host})
	return base64.URLEncoding.EncodeToString(text), err
}

func (b *Builder) pull(ctx context.Context, ref string, options client.ImagePullOptions, o Options) error {
	ctx, stop := context.WithTimeoutCause(ctx, longestPull, errTimeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(stalled, func() { cancel(errStalled) })
	defer silent.Stop()
	stream, err := b.Engine.ImagePull(ctx, ref, options)
	if err != nil {
		return orCause(ctx, err)
	}
	defer func() { _ = stream.Close() }()
	said := map[string]string{}
	for m, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return orCause(ctx, err)
		}
		silent.Reset(stalled)
		if m.Error != nil {
			return m.Error
		}
		// A layer's state is a line, not each of its bytes.
		if m.Status != "" && said[m.ID] != m.Status {
			said[m.ID] = m.Status
			text := m.Status
			if m.ID != "" {
				text = m.ID + ": " + text
			}
			o.say(ref, text)
		}
	}
	return nil
}

// orCause is why ctx ended, where it did: the error of a call only says that it
// did.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// pullFailed says what a pull ended with in words of people.
func pullFailed(ctx context.Context, ref string, err error) error {
	if ctx.Err() != nil {
		return staging.Errorf(staging.CodeCancelled, "", "the pull of %s was cancelled: %w", ref, err)
	}
	if errors.Is(err, errStalled) || errors.Is(err, errTimeout) {
		return failed(staging.ClassBuild, "", "deploy again later", "the image %s comes too slowly: %w", ref, err)
	}
	text := err.Error()
	for _, r := range reasons {
		if !r.words.MatchString(text) {
			continue
		}
		e := failed(r.class, "", r.hint, "%s: %s (%s)", ref, r.what, firstLine(text))
		if r.image {
			e = failed(r.class, "", r.hint, "the image %s %s (%s)", ref, r.what, firstLine(text))
		}
		e.Err = err
		return e
	}
	if cerrdefs.IsInternal(err) || cerrdefs.IsUnavailable(err) || client.IsErrConnectionFailed(err) {
		return disconnected("", err)
	}
	return failed(staging.ClassBuild, "", "try it by hand: `docker pull`", "the image %s cannot be pulled: %w", ref, err)
}
