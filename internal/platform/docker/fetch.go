package docker

import (
	"context"
	"errors"

	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// Missing implements platform.Fetcher.
func (d *Driver) Missing(ctx context.Context, images ...string) ([]string, error) {
	var missing []string
	for _, image := range images {
		_, err := call(ctx, d.engine, lookTime, "look at an image", func(ctx context.Context) (client.ImageInspectResult, error) {
			return d.client.ImageInspect(ctx, image)
		})
		switch {
		case errors.Is(err, errMissing):
			missing = append(missing, image)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// Fetch implements platform.Fetcher.
func (d *Driver) Fetch(ctx context.Context, project, image string, tell func(text string)) error {
	if d.builder == nil {
		return staging.NotBuilt("pulling images")
	}
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	return d.builder.Pull(ctx, project, image, func(text string, far bool) {
		if far {
			tell(text)
		}
	})
}
