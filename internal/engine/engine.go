// Package engine finds the data servers that this host can run: those it has
// installed, and those below the server's runtime folder.
//
// It fetches nothing and starts nothing but `--version`.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// askTimeout bounds one `--version`.
const askTimeout = 10 * time.Second

// Finder remembers what it found. It is safe for concurrent use.
type Finder struct {
	// runtime holds fetched installations, one folder each.
	runtime string

	mu    sync.Mutex
	known map[string][]datastore.Engine
}

// New looks below runtime too; it need not exist.
func New(runtime string) *Finder {
	return &Finder{runtime: runtime, known: map[string][]datastore.Engine{}}
}

// programs are the names of a kind's server, best first.
var programs = map[string][]string{"postgres": {"postgres"}, "redis": {"redis-server", "valkey-server"}}

// places are where distributions put servers outside PATH.
var places = map[string][]string{
	"postgres": {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"},
	"redis":    {"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"},
}

// Find answers the newest server of that kind and major version, "" for any.
func (f *Finder) Find(ctx context.Context, kind, major string) (datastore.Engine, error) {
	all, err := f.List(ctx, kind)
	if err != nil {
		return datastore.Engine{}, err
	}
	var have []string
	for _, e := range all {
		if major == "" || e.Major == major || kind == "redis" {
			return e, nil
		}
		have = append(have, e.Version)
	}
	hint := "install it with the system's packages, or `offshoot runtime install " + kind + "@" + cmp.Or(major, "latest") + "`"
	if len(have) > 0 {
		return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), hint,
			"this host has no %s %s (it has %s)", kind, major, strings.Join(have, ", "))
	}
	return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), hint, "this host has no %s %s", kind, major)
}

// ByName answers the server build of that name.
func (f *Finder) ByName(ctx context.Context, kind, name string) (datastore.Engine, error) {
	all, err := f.List(ctx, kind)
	if err != nil {
		return datastore.Engine{}, err
	}
	for _, e := range all {
		if e.Name == name {
			return e, nil
		}
	}
	return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData),
		"install that build again, or start from another snapshot", "the server build %q that made this data is not on this host", name)
}

// List is every server of a kind, newest first.
func (f *Finder) List(ctx context.Context, kind string) ([]datastore.Engine, error) {
	names, ok := programs[kind]
	if !ok {
		return nil, staging.Errorf(staging.CodeInternal, "", "no server of kind %q is known", kind)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.known[kind]; ok {
		return found, nil
	}
	var found []datastore.Engine
	seen := map[string]bool{}
	for _, dir := range f.folders(kind) {
		for _, name := range names {
			path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
			if err != nil || seen[path] {
				continue
			}
			seen[path] = true
			if e, err := ask(ctx, kind, dir, path); err == nil {
				found = append(found, e)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b datastore.Engine) int { return cmp.Compare(number(b.Major), number(a.Major)) })
	if len(found) > 0 {
		f.known[kind] = found
	}
	return found, nil
}

func (f *Finder) folders(kind string) []string {
	var dirs []string
	for _, pattern := range append([]string{filepath.Join(f.runtime, kind+"-*", "bin")}, places[kind]...) {
		matches, _ := filepath.Glob(pattern) // the patterns are ours
		dirs = append(dirs, matches...)
	}
	return append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
}

var version = regexp.MustCompile(`(\d+)(\.\d+)+|\b(\d+)(devel|beta\d+|rc\d+)`)

func ask(ctx context.Context, kind, dir, path string) (datastore.Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return datastore.Engine{}, fmt.Errorf("%s --version: %w", path, err)
	}
	v := version.FindString(string(out))
	if v == "" {
		return datastore.Engine{}, fmt.Errorf("%s --version says %q", path, out)
	}
	major, _, _ := strings.Cut(v, ".")
	text := strings.TrimSpace(strings.ReplaceAll(string(out), "\n", " "))
	return datastore.Engine{Name: text, Kind: kind, Version: v, Major: major, Bin: dir, Root: filepath.Dir(dir), FoundAt: time.Now().UTC()}, nil
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
