package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// putFiles writes files into a container that was made and not yet started: so
// their contents are in no argument and no label. They are for the user that it
// runs as, whoever that is: nobody else is in there.
func (d *Driver) putFiles(ctx context.Context, id string, w *staging.WorkloadSpec) error {
	for _, dir := range folders(w) {
		archive, err := archiveOf(w.Files, dir)
		if err != nil {
			return err
		}
		_, err = call(ctx, d.engine, makeTime, "put files into a container", func(ctx context.Context) (client.CopyToContainerResult, error) {
			return d.client.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: archive})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// folders are where files are put: all below the root, but where that is
// read-only each folder of theirs, which is a volume of the container's then.
func folders(w *staging.WorkloadSpec) []string {
	if len(w.Files) == 0 {
		return nil
	}
	if w.Container == nil || !w.Container.ReadOnly {
		return []string{"/"}
	}
	var list []string
	for name := range w.Files {
		list = append(list, path.Dir(path.Clean("/"+name)))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// archiveOf holds the files that lie in dir, by names relative to it; all where
// it is the root.
func archiveOf(files map[string]string, dir string) (io.Reader, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		inside := path.Clean("/" + name)
		if dir != "/" && path.Dir(inside) != dir {
			continue
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(strings.TrimPrefix(inside, dir), "/"), Mode: 0o444, Size: int64(len(files[name]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}
