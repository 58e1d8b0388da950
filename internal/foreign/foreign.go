// Package foreign reads files of folders that somebody else may write to at the
// same time: a checkout, the data directory of a branch's own server.
package foreign

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"offshoot/internal/human"
)

// Read is a file below root, of limit bytes at most. A symbolic link that leads
// out of root is an error, and so is what is no file: nothing is waited for at
// the end of a pipe.
func Read(root *os.Root, name string, limit int64) ([]byte, error) {
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
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %s", name, human.Size(limit))
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}
