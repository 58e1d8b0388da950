package copytree

import (
	"os"
	"path/filepath"
)

// Probe says how a directory inside dir can be copied to another one inside
// it, by trying: a real reflink of a small file. It leaves nothing behind.
func Probe(dir string) (Strategy, error) {
	from, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return "", err
	}
	defer func() {
		_ = from.Close()
		_ = os.Remove(from.Name())
	}()
	if _, err := from.Write(make([]byte, 8192)); err != nil {
		return "", err
	}
	to, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return "", err
	}
	defer func() {
		_ = to.Close()
		_ = os.Remove(to.Name())
	}()
	if err := reflink(from, to); err != nil {
		return Plain, nil //nolint:nilerr // that it cannot is the answer
	}
	return Reflink, nil
}

// Flush writes out everything of the file system that dir lies on.
func Flush(dir string) error { return syncFilesystem(dir) }

// Between is the best way from the directory src to a new name in parent, both
// of which exist; Plain where that cannot be told.
func Between(src, parent string) Strategy {
	a, errA := os.Stat(src)
	b, errB := os.Stat(parent)
	if errA != nil || errB != nil {
		return Plain
	}
	if deviceOf(a) != deviceOf(b) {
		return Plain
	}
	strategy, err := Probe(filepath.Clean(parent))
	if err != nil {
		return Plain
	}
	return strategy
}
