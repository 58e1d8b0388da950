package postgres

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxRead bounds a file that is read of a data directory, in bytes.
const maxRead = 64 << 10

// readWithin is a file of a data directory. Whoever is a superuser of the
// cluster can put anything in its place: no link is followed out of the
// directory, and nothing is waited for at the end of a pipe.
func readWithin(data, name string) ([]byte, error) {
	root, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	return io.ReadAll(io.LimitReader(f, maxRead))
}

// openWithin is a folder of a data directory, never one outside.
func openWithin(data, name string) (*os.Root, error) {
	root, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	folder, err := root.OpenRoot(name)
	return folder, errors.Join(err, root.Close())
}
