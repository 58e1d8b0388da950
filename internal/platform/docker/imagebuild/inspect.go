package imagebuild

import (
	"context"
	"maps"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"

	"offshoot/internal/staging"
)

// Info is what of an image decides how it is run.
type Info struct {
	ID string
	// Digest is the registry's, "" for what was built here.
	Digest     string
	Platform   string
	User       string
	Dir        string
	Entrypoint []string
	Command    []string
	Env        map[string]string
	// Ports are PORT/PROTOCOL, Volumes paths; both sorted.
	Ports   []string
	Volumes []string
	Labels  map[string]string
	// Shell and StopSignal are "" where the image has none of its own.
	StopSignal string
	// Healthcheck is whether it has one.
	Healthcheck bool
	// Size is that of all its layers, in bytes.
	Size int64
}

// Inspect looks at an image by reference or id; staging.CodeNotFound where it is
// not there.
func (b *Builder) Inspect(ctx context.Context, ref string) (Info, error) {
	r, err := b.inspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Info{}, staging.NotFound("", "the image %s is not on the engine", ref)
	}
	if cerrdefs.IsInvalidArgument(err) {
		return Info{}, failed(staging.ClassManifest, "", "write it as REGISTRY/NAME:TAG", "%q is no name of an image: %w", ref, err)
	}
	if err != nil {
		return Info{}, disconnected("", err)
	}
	i := Info{ID: r.ID, Size: r.Size, Platform: strings.Trim(r.Os+"/"+r.Architecture+"/"+r.Variant, "/"), Env: map[string]string{}}
	if len(r.RepoDigests) > 0 {
		i.Digest = digestOf(r.RepoDigests, ref)
	}
	c := r.Config
	if c == nil {
		return i, nil
	}
	i.User, i.Dir, i.Entrypoint, i.Command, i.Labels, i.StopSignal = c.User, c.WorkingDir, c.Entrypoint, c.Cmd, c.Labels, c.StopSignal
	for _, kv := range c.Env {
		name, value, _ := strings.Cut(kv, "=")
		i.Env[name] = value
	}
	i.Ports = slices.Sorted(maps.Keys(c.ExposedPorts))
	i.Volumes = slices.Sorted(maps.Keys(c.Volumes))
	i.Healthcheck = c.Healthcheck != nil && len(c.Healthcheck.Test) > 0 && c.Healthcheck.Test[0] != "NONE"
	return i, nil
}

// digestOf is the digest under ref's name, else any.
func digestOf(all []string, ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	best := ""
	for _, d := range all {
		of, digest, _ := strings.Cut(d, "@")
		if best == "" || of == name {
			best = digest
		}
	}
	return best
}
