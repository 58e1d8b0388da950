package imagebuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/uuid"
	"github.com/moby/moby/client"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"

	"offshoot/internal/human"
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

// building is one specification being built.
type building struct {
	*Builder
	spec     staging.BuildSpec
	artifact string
	checkout checkout
	options  Options
	limit    time.Duration
	contexts bool
}

// turn waits until fewer images than the server may build at a time are built.
func (r *building) turn(ctx context.Context, j *job) error {
	select {
	case r.Builder.turn <- struct{}{}:
		return nil
	default:
	}
	r.options.say(j.Name, fmt.Sprintf("waits until one of %d other builds has ended", r.Builds), true)
	select {
	case r.Builder.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// image builds what j says, under all its names.
func (r *building) image(ctx context.Context, j *job) error {
	tag := Image(r.artifact, j.names[0])
	d, err := r.checkout.dockerfile(j.ImageBuild)
	if err != nil {
		return failed(staging.ClassBuild, j.Name, "see build.context and build.dockerfile of the service", "the build of %s: %w", j.Name, err)
	}
	if len(j.CacheFrom) > 0 && r.spec.Branch != r.spec.BaseBranch {
		r.options.say(j.Name, "cache_from is for "+r.spec.BaseBranch+" alone; what its builds brought is there", false)
	}
	if err := r.solveOne(ctx, j.ImageBuild, d, tag); err != nil {
		return err
	}
	if err := r.fit(ctx, j.Name, tag); err != nil {
		return err
	}
	for _, name := range j.names[1:] {
		call, cancel := context.WithTimeout(ctx, r.Call)
		_, err := r.Engine.ImageTag(call, client.ImageTagOptions{Source: tag, Target: Image(r.artifact, name)})
		cancel()
		if err != nil {
			return disconnected(name, err)
		}
	}
	return nil
}

// fit takes away what was built and can or may not be run.
func (r *building) fit(ctx context.Context, name, tag string) error {
	info, err := r.Inspect(ctx, tag)
	if err != nil {
		return err
	}
	err = r.suits(ctx, "what was built of "+name, info)
	if err == nil && info.Size > r.MaxImage {
		err = failed(staging.ClassBuild, name, "build in one stage and COPY what is needed into another, see what is large with `docker history`",
			"the image of %s is %s large; it may have %s", name, human.Size(info.Size), human.Size(r.MaxImage))
	}
	if err == nil {
		return nil
	}
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Call)
	defer cancel()
	_, gone := r.Engine.ImageRemove(call, tag, client.ImageRemoveOptions{PruneChildren: true})
	if gone != nil {
		r.options.say(name, "it stays for now: "+gone.Error(), false) // prune finds it by its label
	}
	return err
}

// solveOne builds one image and tags it.
func (r *building) solveOne(ctx context.Context, build staging.ImageBuild, d dockerfile, tag string) error {
	frontend, err := syntax(d, build)
	if err != nil {
		return err
	}
	secrets, err := r.checkout.secrets(r.spec, build)
	if err != nil {
		return err
	}
	o := order{id: r.prefix() + uuid.NewString(), tag: tag, secrets: secrets, ask: r.options.Credentials}
	if o.opts, err = r.frontend(r.spec, build, secrets); err != nil {
		return err
	}
	if o.imports, err = imports(o.opts, r.spec, build); err != nil {
		return err
	}
	main, err := r.open(ctx, build, build.Context, d.ignore)
	if err != nil {
		return err
	}
	defer main.close()
	if r.contexts {
		o.local(localContext, main.files)
		o.opts["contextkey"] = o.name(localContext)
	} else {
		o.locals = map[string]fsutil.FS{localContext: main.files} // it knows no other name
	}
	stages := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(build.Contexts)) {
		value := build.Contexts[name]
		if of, ok := strings.CutPrefix(value, servicePrefix); ok {
			stages[name] = Image(r.artifact, of)
			continue
		}
		if ref, ok := strings.CutPrefix(value, imagePrefix); ok {
			stages[name] = ref
			continue
		}
		if !r.contexts {
			ref, done, err := r.folderImage(ctx, build, name, value)
			if err != nil {
				return err
			}
			defer done()
			stages[name] = ref
			continue
		}
		f, err := r.open(ctx, build, value, nil)
		if err != nil {
			return err
		}
		defer f.close()
		o.opts[optContext+name] = "local:" + o.local("context-"+name, f.files)
	}
	if r.contexts {
		for name, ref := range stages {
			o.opts[optContext+name] = imagePrefix + ref
		}
		if len(build.Contexts) > 0 {
			o.opts["frontend.caps"] = needContexts
		}
	} else if err := d.begin(stages); err != nil {
		return failed(staging.ClassManifest, build.Name, "upgrade the engine to 23.0 or later, or name stages by name",
			"the build of %s: this engine's Dockerfile reader knows no additional contexts, and they cannot be put before the Dockerfile: %w", build.Name, err)
	}
	o.local(localFile, d.files())
	o.opts["dockerfilekey"] = o.name(localFile)
	p := newProgress(func(text string, far bool) { r.options.say(build.Name, text, far) })
	defer p.watch(r.Silence)()
	if err := r.solve(ctx, o, p); err != nil {
		return explain(err, build, d, frontend, r.limit, p)
	}
	return nil
}

func (o *order) name(local string) string { return o.id + "-" + local }

// local adds a folder under a name of this build alone, by which BuildKit's copy
// of it is found again.
func (o *order) local(name string, files fsutil.FS) string {
	if o.locals == nil {
		o.locals = map[string]fsutil.FS{}
	}
	o.locals[o.name(name)] = files
	return o.name(name)
}

// open is a folder of the checkout that may be sent.
func (r *building) open(ctx context.Context, build staging.ImageBuild, p string, ignore []byte) (*folder, error) {
	f, err := r.checkout.open(orDefault(p, "."))
	if err != nil {
		return nil, failed(staging.ClassBuild, build.Name, "see build.context of the service", "the build of %s: %w", build.Name, err)
	}
	if err := f.check(ctx, ignore, bounds{r.MaxFiles, r.MaxBytes}); err != nil {
		f.close()
		if ctx.Err() != nil {
			return nil, explain(context.Cause(ctx), build, dockerfile{}, "", r.limit, &progress{})
		}
		return nil, failed(staging.ClassBuild, build.Name, "remove it, or list what no image needs in .dockerignore", "the build of %s: %w", build.Name, err)
	}
	return f, nil
}

// folderImage makes an image of a folder, to begin with where the engine's
// reader knows no further contexts. done removes it.
func (r *building) folderImage(ctx context.Context, build staging.ImageBuild, name, dir string) (ref string, done func(), err error) {
	files := staging.ImageBuild{Name: build.Name, Context: dir, Inline: "FROM scratch\nCOPY . /\n"}
	d, err := r.checkout.dockerfile(files)
	if err != nil {
		return "", nil, failed(staging.ClassBuild, build.Name, "see build.additional_contexts", "the build of %s: %w", build.Name, err)
	}
	_, key, _ := strings.Cut(r.artifact, ":")
	ref = path.Join(namespace+safe(r.spec.Project), safe(build.Name), safe(name)) + ":" + key
	if err := r.solveOne(ctx, files, d, ref); err != nil {
		return "", nil, err
	}
	return ref, func() {
		// What stays, prune finds by its label.
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Call)
		defer cancel()
		_, _ = r.Engine.ImageRemove(call, ref, client.ImageRemoveOptions{PruneChildren: true})
	}, nil
}
