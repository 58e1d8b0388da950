package wiring

import (
	"context"
	"path/filepath"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

const (
	// imageAge is after how long without use a built image goes.
	imageAge = 7 * 24 * time.Hour
	// imageSize bounds what built images take together, in bytes.
	imageSize = 40 << 30
)

// images makes and gets images as the driver asks for them, signed in to
// registries as each project is.
type images struct {
	*imagebuild.Builder
	signIn func(ctx context.Context, project, host string) (user, password string, err error)
}

// options are those of one call for a project, "" for none.
func (i images) options(project string, tell docker.Tell) imagebuild.Options {
	o := imagebuild.Options{Progress: func(l imagebuild.Line) { tell(l.Text, l.Far) }}
	if project != "" {
		o.Credentials = func(ctx context.Context, host string) (user, password string, err error) {
			return i.signIn(ctx, project, host)
		}
	}
	return o
}

// builder makes them on a driver's engine; what must be remembered of them lies
// below dir.
func (s *server) builder(dir string) func(*client.Client, string) (docker.Builder, error) {
	return func(engine *client.Client, server string) (docker.Builder, error) {
		b, err := imagebuild.New(imagebuild.Config{Engine: engine, Dir: filepath.Join(dir, "docker", "images"), Server: server})
		s.images = images{b, func(ctx context.Context, project, host string) (user, password string, err error) {
			return s.control.RegistryCredential(ctx, project, host)
		}}
		return s.images, err
	}
}

// filesOnly begins the artifact of a revision of which no image is built: what its
// services see of the repository.
const filesOnly = "files:"

// Kept implements docker.Builder.
func (i images) Kept(ctx context.Context, b staging.BuildSpec) (string, error) {
	if len(b.Images) == 0 {
		return filesOnly + b.Key, nil
	}
	return i.Builder.Kept(ctx, b)
}

// Build implements docker.Builder.
func (i images) Build(ctx context.Context, b staging.BuildSpec, tell docker.Tell) (string, error) {
	if len(b.Images) == 0 {
		return filesOnly + b.Key, nil
	}
	o := i.options(b.Project, tell)
	o.Progress = func(l imagebuild.Line) { tell(l.Image+": "+l.Text, l.Far) }
	built, err := i.Builder.Build(ctx, b, o)
	return built.Artifact, err
}

// Get implements docker.Builder.
func (i images) Get(ctx context.Context, project, ref string, tell docker.Tell) (staging.UsedImage, error) {
	return i.Builder.Get(ctx, ref, i.options(project, tell))
}

// Pull implements docker.Builder.
func (i images) Pull(ctx context.Context, project, image string, tell docker.Tell) error {
	_, err := i.Builder.Pull(ctx, image, i.options(project, tell))
	return err
}

func (images) Image(artifact, name string) string { return imagebuild.Image(artifact, name) }

// prune lets go of images that nobody used for long.
func (i images) prune(ctx context.Context, keep map[string]bool) error {
	_, err := i.Prune(ctx, imagebuild.Policy{Age: imageAge, Size: imageSize, Keep: keep})
	return err
}
