package docker

import (
	"context"

	"offshoot/internal/staging"
)

// Tell is told a line: one that says how far it is, or what a program wrote.
type Tell func(text string, far bool)

// Builder gets and makes images. It knows nothing of containers.
type Builder interface {
	// Build makes b's images, or finds them made, and answers the artifact that
	// holds them. It blocks, tells each line, and ends with ctx: then nothing
	// of it goes on. Where a step failed the error has a staging.Failure.
	Build(ctx context.Context, b staging.BuildSpec, tell Tell) (artifact string, err error)
	// Kept is the artifact of an earlier build of the same, "" where there is none.
	Kept(ctx context.Context, b staging.BuildSpec) (artifact string, err error)
	// Get gets what an image's name leads to now, for a build of that project; it
	// blocks, and tells each line.
	Get(ctx context.Context, project, ref string, tell Tell) (staging.UsedImage, error)
	// Pull gets an image from its registry where it is not there, as that project
	// signs in there, "" for as nobody; it blocks, and tells each line.
	Pull(ctx context.Context, project, image string, tell Tell) error
	// Image is the reference of an artifact's image of that name, "" where the
	// artifact holds none.
	Image(artifact, name string) string
}
