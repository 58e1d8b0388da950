//go:build linux

package process

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
)

// keptLogs is how many logs of instances that are gone are kept for each
// service of an environment.
const keptLogs = 6

// shelf is where the log of an instance goes that is deleted: what it wrote is
// asked for after it is gone, and taken up again where one of its name comes
// back. Shelves go with their environment.
func (d *Driver) shelf(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), logDir, filepath.FromSlash(rest))
}

// shelve keeps the log of an instance that has ended.
func (d *Driver) shelve(ref platform.Ref, dir string) error {
	to := d.shelf(ref.Name)
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	if err := copytree.Remove(to); err != nil {
		return err
	}
	known, err := readRecord(dir)
	if err != nil {
		return err
	}
	tmp := to + partial
	if err := copytree.Remove(tmp); err != nil {
		return err
	}
	if err := os.MkdirAll(tmp, 0o711); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(tmp, recordFile), record{SpecHash: known.SpecHash, Service: known.Service}); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, shim.LogDir), filepath.Join(tmp, shim.LogDir)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return os.RemoveAll(tmp) // it wrote nothing
		}
		return err
	}
	if err := os.Rename(tmp, to); err != nil {
		return err
	}
	return thin(filepath.Dir(to), known.Service)
}

// unlessFull lets what is deleted go without its log where the disk has no room
// for that: deleting is what gives room.
func unlessFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	return err
}

// unshelve gives a new instance the log of the one that had its name.
func (d *Driver) unshelve(name, dir string) error {
	from := d.shelf(name)
	err := os.Rename(filepath.Join(from, shim.LogDir), filepath.Join(dir, shim.LogDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, os.RemoveAll(from))
}

// thin removes the oldest logs of a service where there are too many.
func thin(shelf, service string) error {
	entries, err := os.ReadDir(shelf)
	if err != nil {
		return err
	}
	type kept struct {
		dir string
		at  int64
	}
	var list []kept
	for _, e := range entries {
		dir := filepath.Join(shelf, e.Name())
		known, err := readRecord(dir)
		info, err2 := e.Info()
		if err == nil && err2 == nil && known.Service == service {
			list = append(list, kept{dir, info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(list, func(a, b kept) int { return cmp.Compare(b.at, a.at) })
	for i := keptLogs; i < len(list); i++ {
		if err := copytree.Remove(list[i].dir); err != nil {
			return err
		}
	}
	return nil
}
