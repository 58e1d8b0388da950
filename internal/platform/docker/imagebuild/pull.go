package imagebuild

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

const (
	// longestPull bounds a pull.
	longestPull = time.Hour
)

var errStalled = errors.New("its registry sends nothing")

// Pull gets an image of a service that is not built, by its digest where ref
// names one. What is there is used without asking anybody.
func (b *Builder) Pull(ctx context.Context, ref string, o Options) (Info, error) {
	info, err := b.Inspect(ctx, ref)
	if err == nil {
		return info, b.suits(ctx, "the image "+ref, info)
	}
	if staging.CodeOf(err) != staging.CodeNotFound {
		return info, err
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return Info{}, failed(staging.ClassManifest, "", "write it as REGISTRY/NAME:TAG", "%q is no name of an image: %w", ref, err)
	}
	if err := b.fetch(ctx, ref, named, o); err != nil {
		return Info{}, err
	}
	if info, err = b.Inspect(ctx, ref); err != nil {
		return Info{}, err
	}
	return info, b.suits(ctx, "the image "+ref, info)
}

// Get gets what ref leads to now: a registry is asked even where the engine has an
// image of that name, unless no registry ever had it or ref is an id or has a
// digest. It answers what containers are made of, which stays the same image.
func (b *Builder) Get(ctx context.Context, ref string, o Options) (staging.UsedImage, error) {
	used := staging.UsedImage{Ref: ref}
	info, err := b.Inspect(ctx, ref)
	missing := staging.CodeOf(err) == staging.CodeNotFound
	if err != nil && !missing {
		return used, err
	}
	if imageID.MatchString(ref) {
		if missing {
			return used, failed(staging.ClassBuild, "", "build it on this engine, or name it as its registry does", "the engine has no image %s", ref)
		}
		used.Run, used.Digest = info.ID, info.Digest
		return used, b.suits(ctx, "the image "+ref, info)
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return used, failed(staging.ClassManifest, "", "write it as REGISTRY/NAME:TAG", "%q is no name of an image: %w", ref, err)
	}
	_, fixed := named.(reference.Digested)
	if ask := missing || info.Digest != "" && !fixed; ask {
		if err := b.fetch(ctx, ref, named, o); err != nil {
			return used, err
		}
		before := info.ID
		if info, err = b.Inspect(ctx, ref); err != nil {
			return used, err
		}
		missing = info.ID != before
	}
	used.Run, used.Digest = info.ID, info.Digest
	if info.Digest != "" {
		// Where it is removed it can be got again.
		used.Run = reference.TrimNamed(named).String() + "@" + info.Digest
	}
	if err := b.got(missing, ref, used.Run); err != nil {
		return used, err
	}
	o.say(ref, "it is "+used.Run, false)
	return used, b.suits(ctx, "the image "+ref, info)
}

// got remembers what was pulled, fresh, or that it is wanted again.
func (b *Builder) got(fresh bool, refs ...string) error {
	known, err := b.uses.all()
	if err != nil {
		return err
	}
	var keys []string
	for _, ref := range refs {
		if _, ours := known[gotten+ref]; ours || fresh {
			keys = append(keys, gotten+ref)
		}
	}
	return b.uses.mark(keys...)
}

// imageID is an image by its content, which no registry knows.
var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// fetch has the engine pull ref as whom the project is.
func (b *Builder) fetch(ctx context.Context, ref string, named reference.Named, o Options) error {
	options := client.ImagePullOptions{}
	if o.Credentials != nil {
		host := reference.Domain(named)
		user, password, err := o.Credentials(ctx, host)
		if err != nil {
			return fmt.Errorf("the credentials of %s: %w", host, err)
		}
		if options.RegistryAuth, err = authHeader(host, user, password); err != nil {
			return err
		}
	}
	if err := b.pull(ctx, ref, options, o); err != nil {
		return pullFailed(ctx, ref, err)
	}
	return nil
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
	silent := time.AfterFunc(b.Stalled, func() { cancel(errStalled) })
	defer silent.Stop()
	stream, err := b.Engine.ImagePull(ctx, ref, options)
	if err != nil {
		return orCause(ctx, err)
	}
	defer func() { _ = stream.Close() }()
	l := layers{say: func(text string, far bool) { o.say(ref, text, far) }, said: map[string]string{}, got: map[string]bytesOf{}, began: time.Now()}
	defer l.watch(b.Silence / 3)()
	for m, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return orCause(ctx, err)
		}
		silent.Reset(b.Stalled)
		if m.Error != nil {
			return m.Error
		}
		l.hear(m)
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
