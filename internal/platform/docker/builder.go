package docker

import "context"

// Builder gets and makes images. It knows nothing of containers.
type Builder interface {
	// Pull gets an image from its registry; it blocks until it is there.
	Pull(ctx context.Context, image string) error
	// Image is the reference of an artifact's image of that name, "" where the
	// artifact holds none.
	Image(artifact, name string) string
}
