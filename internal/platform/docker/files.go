package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// putFiles writes files into a container that was made and not yet started: so
// their contents are in no argument and no label. They are for the user that it
// runs as, whoever that is: nobody else is in there.
func (d *Driver) putFiles(ctx context.Context, id string, files map[string]string) error {
	if len(files) == 0 {
		return nil
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean("/"+name), "/"), Mode: 0o444, Size: int64(len(files[name]))}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := call(ctx, d.engine, makeTime, "put files into a container", func(ctx context.Context) (client.CopyToContainerResult, error) {
		return d.client.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
	})
	return err
}
