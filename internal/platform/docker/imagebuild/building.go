package imagebuild

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"
	"github.com/tonistiigi/fsutil"

	"offshoot/internal/human"
	"offshoot/internal/staging"
)

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
		r.options.say(name, "it goes later: "+gone.Error(), false) // prune finds it by its label
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
