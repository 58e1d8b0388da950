package postgres

import (
	"errors"
	"os"

	"offshoot/internal/foreign"
)

// maxRead bounds a file that is read of a data directory, in bytes.
const maxRead = 64 << 10

// readWithin is a file of a data directory. Whoever is a superuser of the
// cluster can put anything in its place.
func readWithin(data, name string) ([]byte, error) {
	root, err := os.OpenRoot(data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return foreign.Read(root, name, maxRead)
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
