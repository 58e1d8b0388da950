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
	for _, dir := range folders(w) {
		archive, err := archiveOf(w, dir)
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

// folders are where files are put.
func folders(w *staging.WorkloadSpec) []string {
	var list []string
	for name := range w.Files {
		if dir := folder(w, name); dir != "/" || !readOnly(w) {
			list = append(list, dir)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func readOnly(w *staging.WorkloadSpec) bool { return w.Container != nil && w.Container.ReadOnly }

// bound are the files directly below a root that is read-only: nothing can be put
// there, so each is mounted.
func bound(w *staging.WorkloadSpec) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(w.Files)), func(name string) bool { return folder(w, name) != "/" || !readOnly(w) })
}

// boundFile is where the n-th of them lies, in a folder of the workload's own.
func boundFile(own string, n int) string { return filepath.Join(own, "file-"+strconv.Itoa(n)) }

// writeBound writes them, before the container is made.
func (d *Driver) writeBound(name string, w *staging.WorkloadSpec) error {
	own := d.ownCheckouts(name)
	for i, file := range bound(w) {
		m := modeOf(w, file)
		if err := errors.Join(os.MkdirAll(own, 0o711), os.WriteFile(boundFile(own, i), []byte(w.Files[file]), 0o400)); err != nil {
			return err
		}
		if err := errors.Join(os.Chown(boundFile(own, i), m.UID, m.GID), os.Chmod(boundFile(own, i), os.FileMode(m.Mode))); err != nil {
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

// folder is where a file is put: below the root, but where that is read-only, or a
// memory file system would hide it, in a folder that is a volume of the container's
// then.
func folder(w *staging.WorkloadSpec, name string) string {
	dir := path.Dir(path.Clean("/" + name))
	hidden := slices.ContainsFunc(w.Mounts, func(m staging.HostMount) bool { return m.Tmpfs && strings.HasPrefix(dir+"/", m.Target+"/") })
	if hidden || readOnly(w) {
		return dir
	}
	return "/"
}

// archiveOf holds the files that are put into dir, by names relative to it.
func archiveOf(s *staging.WorkloadSpec, dir string) (io.Reader, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if folder(s, name) != dir {
			continue
		}
		inside, m := path.Clean("/"+name), modeOf(s, name)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(strings.TrimPrefix(inside, dir), "/"), Mode: int64(m.Mode), Uid: m.UID, Gid: m.GID, Size: int64(len(s.Files[name]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(s.Files[name])); err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}
