//go:build linux

package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// partial ends the name of what is being made or removed.
const partial = ".partial"

// writeFile outlives a power cut, whole or not at all.
func writeFile(path string, v any) error { return write(path, v, true) }

// writeBrief is for what means nothing after this boot: a power cut may leave
// it empty, which reads as if it were not there.
func writeBrief(path string, v any) error { return write(path, v, false) }

func write(path string, v any, durable bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && durable {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+partial, path)
}

// contents is a small file's, read without an os.File: that costs more than the
// reading, and what runs is looked at often.
func contents(path string) ([]byte, error) {
	fail := func(op string, err error) ([]byte, error) { return nil, &fs.PathError{Op: op, Path: path, Err: err} }
	fd, err := ignoringEINTR(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return fail("open", err)
	}
	defer func() { _ = unix.Close(fd) }()
	text := make([]byte, 0, 2048)
	for {
		text = slices.Grow(text, 512)
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, text[len(text):cap(text)]) })
		if err != nil {
			return fail("read", err)
		}
		if n == 0 {
			return text, nil
		}
		text = text[:len(text)+n]
	}
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func readFile(path string, v any) error {
	text, err := contents(path)
	if err != nil {
		return err
	}
	if len(bytes.Trim(text, "\x00")) == 0 {
		return fmt.Errorf("%s is empty: %w", path, fs.ErrNotExist)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// The files that the driver keeps beside the shim's in an instance's folder.
const (
	recordFile   = "instance.json"
	identityFile = "identity.json"
)

// record is what must be known to observe and delete an instance. It holds no
// secret.
type record struct {
	SpecHash string        `json:"spec_hash"`
	Service  string        `json:"service"`
	Restart  bool          `json:"restart"`
	Once     bool          `json:"once,omitempty"`
	Grace    time.Duration `json:"grace"`
	// Discard is whether it can be ended with its data.
	Discard bool `json:"discard,omitempty"`
	// Data is whether it is a data server.
	Data bool `json:"data,omitempty"`
	// Marker is in all its processes where no namespace holds them.
	Marker string `json:"marker,omitempty"`
	// Groups are its cgroups: a later server may live in another one.
	Groups []string `json:"groups,omitempty"`
	// Paths are what is re-emitted where there is no view.
	Paths paths `json:"paths,omitempty"`
	// Artifact is where a build's result goes, Cache what it read.
	Artifact string     `json:"artifact,omitempty"`
	Cache    *cacheUsed `json:"cache,omitempty"`
}

func readRecord(dir string) (record, error) {
	var r record
	return r, readFile(filepath.Join(dir, recordFile), &r)
}
