package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// partial ends the name of what is being written.
const partial = ".partial"

// writeFile outlives a power cut, whole or not at all.
func writeFile(path string, v any) error {
	return putFile(path, v, (*os.File).Sync)
}

// writeSoon is writeFile for what a power cut may take: then it is as if it was
// never written.
func writeSoon(path string, v any) error {
	return putFile(path, v, func(*os.File) error { return nil })
}

// settle waits until what writeSoon wrote outlives a power cut.
func settle(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func putFile(path string, v any, wait func(*os.File) error) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = wait(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+partial, path)
}

func readFile(path string, v any) error {
	text, err := os.ReadFile(path)
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

// removeFile is content where there is none.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
