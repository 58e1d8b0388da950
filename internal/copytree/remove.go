package copytree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Remove deletes a tree, also one with directories that are not writable.
// Removing what is absent is no error.
//
// Whoever wrote the tree may have made it as deep as they liked, deeper than a
// path is long and than a process may have directories open. So it is followed
// down only so far; what lies deeper is moved up to the top, until the top is
// empty. A disk that is full may have no room for a move. It never follows a
// symbolic link.
func Remove(dir string) error {
	if err := remove(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

func remove(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && info.IsDir() {
		_ = os.Chmod(dir, 0o700) // what still cannot be removed is reported below
		err = clearTop(dir)
	}
	if err == nil {
		err = os.Remove(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// deepest is how many directories are open at a time.
const deepest = 48

// clearTop removes all that is in a directory. Each pass over it takes so many
// levels of what is below away.
func clearTop(dir string) error {
	top, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = top.Close() }()
	moved := 0
	for {
		n, err := clearBelow(top, top, ".", 0, &moved)
		if err != nil || n == 0 {
			return err
		}
	}
}

// clearBelow removes what is in dir, whose path in top and depth are given, and
// answers how much that was. Directories that are too deep become the top's;
// moved counts those.
func clearBelow(top, dir *os.Root, path string, depth int, moved *int) (n int, err error) {
	err = each(dir, func(entry fs.DirEntry) error {
		n++
		name := entry.Name()
		err := dir.Remove(name)
		if err == nil || !entry.IsDir() {
			return err
		}
		_ = dir.Chmod(name, 0o700) // to be emptied or moved it must be writable
		if depth == deepest {
			return hoist(top, filepath.Join(path, name), moved)
		}
		below, err := dir.OpenRoot(name)
		if err != nil {
			return err
		}
		_, err = clearBelow(top, below, filepath.Join(path, name), depth+1, moved)
		if err := errors.Join(err, below.Close()); err != nil {
			return err
		}
		return dir.Remove(name)
	})
	return n, err
}

// hoist gives a directory a name at the top that nothing there has.
func hoist(top *os.Root, path string, moved *int) error {
	for {
		*moved++
		err := top.Rename(path, ".removed-"+strconv.Itoa(*moved))
		if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
}

// batch is how many entries of a directory are read at once.
const batch = 1024

// each calls f with what is in a directory, in the order of the file system.
// What is gone meanwhile is no error.
func each(dir *os.Root, f func(fs.DirEntry) error) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	for {
		entries, err := d.ReadDir(batch)
		for _, entry := range entries {
			if err := f(entry); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
