// Package seal keeps secrets unreadable at rest: age, with a key that lies
// beside the data or wherever the administrator put it.
package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"

	"offshoot/internal/staging"
)

// Key seals and opens. It is safe for concurrent use.
type Key struct{ identity *age.X25519Identity }

// Load reads the key at path. Where there is none and make is allowed, it
// makes one, readable by its owner alone.
func Load(path string, make bool) (*Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && make {
		return generate(path)
	}
	if err != nil {
		return nil, staging.Refused("OFFSHOOT_MASTER_KEY_FILE names a file that the server may read", "master key: %w", err)
	}
	id, err := age.ParseX25519Identity(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, staging.Refused("put the right file back: secrets sealed with it cannot be opened without", "master key %s is damaged", path)
	}
	return &Key{id}, nil
}

func generate(path string) (*Key, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	_, err = io.WriteString(f, id.String()+"\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	return &Key{id}, nil
}

// Seal makes a value unreadable.
func (k *Key) Seal(value string) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, k.identity.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, value); err != nil {
		return nil, err
	}
	err = w.Close() // writes the end: the bytes are whole only then
	return b.Bytes(), err
}

// Open reads what Seal made.
func (k *Key) Open(sealed []byte) (string, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identity)
	if err != nil {
		return "", staging.Refused("was the master key replaced? set the secret again", "a sealed secret cannot be opened: %w", err)
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// Derive is a secret of its own for a purpose, the same every time.
func (k *Key) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, []byte(k.identity.String()))
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
