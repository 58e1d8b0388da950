package imagebuild

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"
)

// uses remembers when each image was last wanted.
type uses struct {
	mu   sync.Mutex
	file string
}

// fresh is how exactly: nothing is written down more often.
const fresh = time.Hour

func (u *uses) read() (map[string]time.Time, error) {
	at := map[string]time.Time{}
	text, err := os.ReadFile(u.file)
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	if err != nil {
		return nil, err
	}
	// A file that cannot be read is one that knows nothing: images then count
	// from when they were built.
	if json.Unmarshal(text, &at) != nil {
		return map[string]time.Time{}, nil
	}
	return at, nil
}

func (u *uses) all() (map[string]time.Time, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read()
}

// mark says that refs are wanted now.
func (u *uses) mark(refs ...string) error {
	return u.change(func(at map[string]time.Time) bool {
		changed := false
		for _, ref := range refs {
			if time.Since(at[ref]) > fresh {
				at[ref], changed = time.Now().UTC(), true
			}
		}
		return changed
	})
}

// forget drops what is no longer there.
func (u *uses) forget(refs ...string) error {
	return u.change(func(at map[string]time.Time) bool {
		for _, ref := range refs {
			delete(at, ref)
		}
		return len(refs) > 0
	})
}

func (u *uses) change(f func(map[string]time.Time) bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, err := u.read()
	if err != nil || !f(at) {
		return err
	}
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return writeFile(u.file, text)
}
