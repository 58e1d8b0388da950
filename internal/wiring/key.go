package wiring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"offshoot/internal/seal"
	"offshoot/internal/staging"
)

func masterKey(dir string) (*seal.Key, error) {
	if path := os.Getenv("OFFSHOOT_MASTER_KEY_FILE"); path != "" {
		return seal.Load(path, false)
	}
	path := filepath.Join(dir, "master.key")
	_, err := os.Lstat(filepath.Join(dir, database))
	key, err := seal.Load(path, errors.Is(err, fs.ErrNotExist))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, staging.Refused("put "+path+" back, or name it by OFFSHOOT_MASTER_KEY_FILE",
			"the master key is gone: what the store holds was sealed with it, and the data's passwords come of it")
	}
	return key, err
}

// database is the store's file in the data directory.
const database = "offshoot.db"

func adminToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("admin token: %w", err)
	}
	if token := strings.TrimSpace(string(text)); token != "" { // empty where the first start was cut off
		return token, nil
	}
	var b [24]byte
	_, _ = rand.Read(b[:])
	token := "offshoot_" + hex.EncodeToString(b[:])
	return token, os.WriteFile(path, []byte(token+"\n"), 0o600)
}
