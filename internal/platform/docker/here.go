package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// here is whether the engine was seen to be on this host.
type here struct{ seen atomic.Bool }

// nobodysImage is one that nobody has: names of .invalid lead nowhere (RFC 6761).
const nobodysImage = "engine.invalid/nothing"

// isHere refuses an engine of another host: it would mount what is not there, and
// the edge reaches no container of it. However it is spoken with, it is on this
// one where it sees a file of the driver's at its path. It is asked to make a
// container of an image that nobody has, with the file as a mount: that it sees
// none it says before it looks for the image.
func (d *Driver) isHere(ctx context.Context) error {
	if d.here.seen.Load() {
		return nil
	}
	file, err := os.CreateTemp(d.dir, "here-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if err := file.Close(); err != nil {
		return err
	}
	made, err := d.make(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: nobodysImage},
		HostConfig: &container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: file.Name(), Target: "/here", ReadOnly: true}}}})
	switch {
	case err == nil:
		return errors.Join(d.remove(ctx, made.ID, true), staging.Errorf(staging.CodeInternal, "remove it", "the Docker engine at %s has an image %s", d.host, nobodysImage))
	case errdefs.IsInvalidArgument(err) && strings.Contains(err.Error(), file.Name()):
		return d.elsewhere()
	case !isImage(err):
		return err
	}
	// A file system that both share is no host that both are on.
	info, err := d.info(ctx)
	if err != nil {
		return err
	}
	if name, err := os.Hostname(); err != nil || !strings.HasPrefix(d.host, "unix:") && info.Name != name {
		return errors.Join(err, d.elsewhere())
	}
	if err := d.fits(ctx, info); err != nil {
		return err
	}
	d.here.seen.Store(true)
	return nil
}

func (d *Driver) elsewhere() error {
	return staging.Errorf(staging.ClassCode(staging.ClassPlatform), "run the server on the engine's own host, and name it here: OFFSHOOT_SERVER; "+
		"where it runs in a container, its data directory must lie at the same path outside",
		"the Docker engine at %s does not see %s: it is on another host, or in another container", d.host, filepath.Dir(d.dir))
}
