//go:build linux

package process

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// path is a folder or file as a workload names it, and where it lies on a host
// that can show it nowhere else.
type path struct {
	Inside string `json:"inside"`
	Host   string `json:"host"`
	// Link is the short name that Host was given, "" for none.
	Link string `json:"link,omitempty"`
}

// paths re-emit what a workload names, the longest name first.
type paths []path

// sorted are the same, later ones of one name first.
func (p paths) sorted() paths {
	list := slices.Clone(p)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b path) int { return cmp.Compare(len(b.Inside), len(a.Inside)) })
	return list
}

// text replaces every path that stands whole in a text: at its beginning or
// after what cannot be of a path, and up to its end, a slash or such.
func (p paths) text(s string) string {
	if len(p) == 0 {
		return s
	}
	sorted := p.sorted()
	var b strings.Builder
	for i := 0; i < len(s); {
		found := false
		if s[i] == '/' && (i == 0 || !ofPath(s[i-1])) {
			for _, x := range sorted {
				rest, ok := strings.CutPrefix(s[i:], x.Inside)
				if ok && (rest == "" || rest[0] == '/' || !ofPath(rest[0])) {
					b.WriteString(cmp.Or(x.Link, x.Host))
					i, found = i+len(x.Inside), true
					break
				}
			}
		}
		if !found {
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}

func ofPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._-~@%+", c) >= 0
}

func (p paths) list(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = p.text(s)
	}
	return out
}

// longest is the longest folder in which a server can still make a socket: an
// address of one holds 107 bytes (unix(7)).
const longest = 80

// shorten gives folders with long names a short one as well, which is that
// instance's own.
func (p paths) shorten(instance string) error {
	for i, x := range p {
		if len(x.Host) <= longest || x.Host == x.Inside {
			continue
		}
		dir, err := runtimeDir()
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(instance + "\n" + x.Host))
		p[i].Link = filepath.Join(dir, hex.EncodeToString(sum[:6]))
		if err := os.Symlink(x.Host, p[i].Link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// unlink takes the short names away.
func (p paths) unlink() error {
	var errs []error
	for _, x := range p {
		if x.Link == "" {
			continue
		}
		if err := os.Remove(x.Link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
