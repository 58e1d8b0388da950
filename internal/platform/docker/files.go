package docker

import (
	"errors"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/mount"

	"offshoot/internal/staging"
)

// fileAt is where the n-th file of a workload lies, in a folder of its own.
func fileAt(own string, n int) string { return filepath.Join(own, "file-"+strconv.Itoa(n)) }

func inOrder(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }

// writeFiles writes the files of a container that is about to be made, each of
// which is mounted: so their contents are in no argument and no label, and no
// memory file system hides them. The engine starts it again also after a power cut.
// Where the stack says nothing else they are for the user that it runs as, whoever
// that is: nobody else is in there, and nobody of the host gets as far as here.
func (d *Driver) writeFiles(name string, w *staging.WorkloadSpec) error {
	own := d.ownCheckouts(name)
	if len(w.Files) == 0 {
		return nil
	}
	if err := os.MkdirAll(own, 0o711); err != nil {
		return err
	}
	for i, inside := range inOrder(w.Files) {
		if err := writeAs(fileAt(own, i), w.Files[inside], modeOf(w, inside)); err != nil {
			return err
		}
	}
	return nil
}

func writeAs(file, text string, m staging.FileMode) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o400)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Chown(m.UID, m.GID), f.Chmod(os.FileMode(m.Mode)), f.Sync(), f.Close())
}

func modeOf(w *staging.WorkloadSpec, name string) staging.FileMode {
	if w.Container != nil {
		if m, ok := w.Container.FileModes[name]; ok {
			return m
		}
	}
	return staging.FileMode{Mode: 0o444}
}

// fileMounts are the mounts of such files.
func fileMounts(w *staging.WorkloadSpec, own string) []mount.Mount {
	var list []mount.Mount
	for i, inside := range inOrder(w.Files) {
		list = append(list, mount.Mount{Type: mount.TypeBind, Source: fileAt(own, i), Target: path.Clean("/" + inside), ReadOnly: true})
	}
	return list
}
