package docker

import (
	"context"
	"os"
	"path/filepath"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// restFile says that what is paused of an owner rests, and is not what a server
// that was killed had paused for a moment. It is there before anything rests, and
// until it goes on.
func (d *Driver) restFile(owner string) string { return filepath.Join(d.home(owner), "rest.json") }

func (d *Driver) resting(owner string) bool {
	_, err := os.Lstat(d.restFile(owner))
	return err == nil
}

// Rest implements platform.Rester.
func (d *Driver) Rest(ctx context.Context, owner string, names []string) error {
	if err := check(platform.Ref{Kind: staging.ResourceScope, Name: scopeName(owner), Owner: owner}); err != nil {
		return err
	}
	if err := writeFile(d.restFile(owner), true); err != nil {
		return err
	}
	return d.Pause(ctx, owner, names)
}
