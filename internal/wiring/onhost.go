package wiring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"offshoot/internal/copytree"
)

// inContainer are the files by which an engine tells what runs in it.
var inContainer = []string{"/.dockerenv", "/run/.containerenv"}

// programOnHost is this program as a file of the engine's host. Where the server runs
// in a container itself only its data directory lies there: the program is copied
// into it, once for each that there is.
func programOnHost(dir string) (string, error) {
	program, err := os.Executable()
	if err != nil || !there(inContainer) {
		return program, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "docker", fmt.Sprintf("program-%x-%x", info.ModTime().UnixNano(), info.Size()))
	if _, err := os.Stat(copied); !errors.Is(err, fs.ErrNotExist) {
		return copied, err
	}
	if err := os.MkdirAll(filepath.Dir(copied), 0o700); err != nil {
		return "", err
	}
	partial := copytree.Partial(copied)
	if err := os.RemoveAll(partial); err != nil { // an earlier server was ended
		return "", err
	}
	if err := copytree.CopyFile(context.Background(), filepath.Dir(program), filepath.Base(program), partial); err != nil {
		return "", err
	}
	earlier, err := filepath.Glob(filepath.Join(dir, "docker", "program-*"))
	if err != nil {
		return "", err
	}
	for _, each := range earlier { // what runs keeps the file that it was given
		if err := os.Remove(each); err != nil {
			return "", err
		}
	}
	return copied, copytree.Publish(partial, copied, true)
}

func there(files []string) bool {
	for _, file := range files {
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	return false
}
