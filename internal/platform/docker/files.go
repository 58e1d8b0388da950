package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// putFiles writes files into a container that was made and not yet started: so
// their contents are in no argument and no label. Where the stack says nothing
// else they are for the user that it runs as, whoever that is: nobody else is in
// there.
func (d *Driver) putFiles(ctx context.Context, id string, w *staging.WorkloadSpec) error {
	archive, err := archiveOf(w)
	if archive == nil || err != nil {
		return err
	}
	_, err = call(ctx, d.engine, makeTime, "put files into a container", func(ctx context.Context) (client.CopyToContainerResult, error) {
		return d.client.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: archive})
	})
	return err
}

// mounted is whether a file cannot be written into a container before its start: it
// is read-only, or a memory file system would hide the file.
func mounted(w *staging.WorkloadSpec, name string) bool {
	return w.Container != nil && w.Container.ReadOnly ||
		slices.ContainsFunc(w.Mounts, func(m staging.HostMount) bool {
			return m.Tmpfs && strings.HasPrefix(path.Clean("/"+name), m.Target+"/")
		})
}

// mountedFiles are such files, in the order of their numbers.
func mountedFiles(w *staging.WorkloadSpec) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.Files)), func(name string) bool { return !mounted(w, name) })
}

// mountedFile is where the n-th of them lies, in a folder of the workload's own.
func mountedFile(own string, n int) string { return filepath.Join(own, "file-"+strconv.Itoa(n)) }

// writeMounted writes them, before the container is made.
func (d *Driver) writeMounted(name string, w *staging.WorkloadSpec) error {
	own := d.ownCheckouts(name)
	for i, file := range mountedFiles(w) {
		m, to := modeOf(w, file), mountedFile(own, i)
		if err := errors.Join(os.MkdirAll(own, 0o711), os.WriteFile(to, []byte(w.Files[file]), 0o400)); err != nil {
			return err
		}
		if err := errors.Join(os.Chown(to, m.UID, m.GID), os.Chmod(to, os.FileMode(m.Mode))); err != nil {
			return err
		}
	}
	return nil
}

func modeOf(w *staging.WorkloadSpec, name string) staging.FileMode {
	if w.Container != nil {
		if m, ok := w.Container.FileModes[name]; ok {
			return m
		}
	}
	return staging.FileMode{Mode: 0o444}
}

// archiveOf holds the other files, nil where there are none.
func archiveOf(s *staging.WorkloadSpec) (io.Reader, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	files := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Files)), func(name string) bool { return mounted(s, name) })
	if len(files) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to write
	}
	for _, name := range files {
		m := modeOf(s, name)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean("/"+name), "/"), Mode: int64(m.Mode), Uid: m.UID, Gid: m.GID, Size: int64(len(s.Files[name]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(s.Files[name])); err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}
