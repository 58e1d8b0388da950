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

// images makes and gets images as the driver asks for them.
type images struct{ *imagebuild.Builder }

// builder makes them on a driver's engine; what must be remembered of them lies
// below dir.
func (s *server) builder(dir string) func(*client.Client, string) (docker.Builder, error) {
	return func(engine *client.Client, server string) (docker.Builder, error) {
		b, err := imagebuild.New(imagebuild.Config{Engine: engine, Dir: filepath.Join(dir, "docker", "images"), Server: server})
		s.images = images{b}
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
func (i images) Build(ctx context.Context, b staging.BuildSpec, say func(string)) (string, error) {
	if len(b.Images) == 0 {
		return filesOnly + b.Key, nil
	}
	built, err := i.Builder.Build(ctx, b, imagebuild.Options{Progress: func(l imagebuild.Line) { say(l.Image + ": " + l.Text) }})
	return built.Artifact, err
}

// Get implements docker.Builder.
func (i images) Get(ctx context.Context, _, ref string, say func(string)) (staging.UsedImage, error) {
	return i.Builder.Get(ctx, ref, imagebuild.Options{Progress: func(l imagebuild.Line) { say(l.Text) }})
}

func (i images) Pull(ctx context.Context, image string) error {
	_, err := i.Builder.Pull(ctx, image, imagebuild.Options{})
	return err
}

func (images) Image(artifact, name string) string { return imagebuild.Image(artifact, name) }

// prune lets go of images that nobody used for long.
func (i images) prune(ctx context.Context, keep map[string]bool) error {
	_, err := i.Prune(ctx, imagebuild.Policy{Age: imageAge, Size: imageSize, Keep: keep})
	return err
}
