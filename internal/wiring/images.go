package wiring

import (
	"context"
	"path/filepath"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// images makes and gets images as the driver asks for them.
type images struct{ *imagebuild.Builder }

// imagesOn makes them on a driver's engine; what must be remembered of them lies
// below dir.
func imagesOn(dir string) func(*client.Client, string) (docker.Builder, error) {
	return func(engine *client.Client, server string) (docker.Builder, error) {
		b, err := imagebuild.New(imagebuild.Config{Engine: engine, Dir: filepath.Join(dir, "docker", "images"), Server: server})
		return images{b}, err
	}
}

func (i images) Build(ctx context.Context, b staging.BuildSpec, say func(string)) (string, error) {
	built, err := i.Builder.Build(ctx, b, imagebuild.Options{Progress: func(l imagebuild.Line) { say(l.Image + ": " + l.Text) }})
	return built.Artifact, err
}

func (i images) Pull(ctx context.Context, image string) error {
	_, err := i.Builder.Pull(ctx, image, imagebuild.Options{})
	return err
}

func (images) Image(artifact, name string) string { return imagebuild.Image(artifact, name) }
