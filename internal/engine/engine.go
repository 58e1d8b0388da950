// Package engine finds the data servers that this host can run, and their
// clients: those it has installed, and those below the server's runtime
// folder, where it puts what the host lacks.
//
// It starts nothing but `--version`.
package engine

import (
	"cmp"
	"context"
	"errors"
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

// askTimeout bounds one `--version`: a server that does not answer counts as one
// that this host lacks, so a busy host is waited for.
const askTimeout = time.Minute

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

// Kinds are what is looked for.
func Kinds() []string { return []string{"postgres", "redis", "psql", "redis-cli"} }

// programs are the names of a kind's program, best first.
func programs(kind string) []string {
	switch kind {
	case "postgres", "psql":
		return []string{kind}
	case "redis":
		return []string{"redis-server", "valkey-server"}
	case "redis-cli":
		return []string{"redis-cli", "valkey-cli"}
	}
	return nil
}

// places are where distributions put a kind's programs outside PATH.
func places(kind string) []string {
	if kind == "postgres" || kind == "psql" {
		return []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/opt/homebrew/opt/postgresql@*/bin", "/opt/homebrew/opt/libpq/bin", "/usr/local/opt/postgresql@*/bin"}
	}
	return []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"}
}

// Find answers the newest program of that kind and major version on this host,
// "" for any. Of Redis, whose protocol hardly changes, another version does
// where that one is missing.
func (f *Finder) Find(ctx context.Context, kind, major string) (datastore.Engine, error) {
	all, err := f.List(ctx, kind)
	if err != nil {
		return datastore.Engine{}, err
	}
	var have []string
	for _, e := range all {
		if major == "" || e.Major == major {
			return e, nil
		}
		have = append(have, e.Version)
	}
	if kind == "redis" && len(all) > 0 {
		return all[0], nil
	}
	what, also := strings.TrimSpace(kind+" "+major), ""
	if len(have) > 0 {
		also = " (it has " + strings.Join(have, ", ") + ")"
	}
	return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData), remedy(kind, major), "this host has no %s%s", what, also)
}

// remedy is what to type where a program is missing.
func remedy(kind, major string) string {
	if _, ok := build(kind, major); !ok {
		return "install it with the system's packages: " + packages(kind, major) + "; what can be fetched here: " + strings.Join(Available(), ", ")
	}
	return "offshoot runtime install " + strings.TrimSuffix(kind+"@"+major, "@") + ", or install it with the system's packages: " + packages(kind, major)
}

// packages are a program's names in distributions.
func packages(kind, major string) string {
	switch kind {
	case "postgres":
		return strings.TrimSuffix("postgresql-"+major, "-")
	case "psql":
		return "postgresql-client"
	case "redis-cli":
		return "redis-tools"
	}
	return "redis-server or valkey"
}

// patch is what changes in a build's name when its makers mend it: data goes
// on being served after an update of the same major version.
var patch = regexp.MustCompile(`\d+(\.\d+)+(-\d+)?|u\d+\b|\+\d+\b`)

// ByName answers the server build of that name, or what it was updated to.
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
	was := major(version.FindString(name))
	for _, e := range all {
		if e.Major == was && patch.ReplaceAllString(e.Name, "") == patch.ReplaceAllString(name, "") {
			return e, nil
		}
	}
	return datastore.Engine{}, staging.Errorf(staging.ClassCode(staging.ClassData),
		"install that build again, or start from another snapshot", "the server build %q that made this data is not on this host", name)
}

// List is every server of a kind, newest first. Who stops asking half-way has
// learned nothing: neither is a program missing, nor is anything remembered. Nor
// is it where one was too slow to say what it is.
func (f *Finder) List(ctx context.Context, kind string) ([]datastore.Engine, error) {
	names := programs(kind)
	if names == nil {
		return nil, staging.Errorf(staging.CodeInternal, "", "no program of kind %q is known", kind)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.known[kind]; ok {
		return found, nil
	}
	var found []datastore.Engine
	seen, all := map[string]bool{}, true
	for _, dir := range f.folders(kind) {
		for _, name := range names {
			path := filepath.Join(dir, name)
			file, err := filepath.EvalSymlinks(path)
			if err != nil || seen[file] {
				continue
			}
			seen[file] = true
			e, err := ask(ctx, kind, path) // by its own name: some act by it
			if ctx.Err() != nil {
				return nil, fmt.Errorf("looking for %s: %w", kind, ctx.Err())
			}
			if err == nil {
				e.Bin, e.Program = dir, name
				e.Root = f.root(dir)
				found = append(found, e)
			}
			all = all && !errors.Is(err, context.DeadlineExceeded)
		}
	}
	slices.SortStableFunc(found, func(a, b datastore.Engine) int { return cmp.Compare(number(b.Major), number(a.Major)) })
	if len(found) > 0 && all {
		f.known[kind] = found
	}
	return found, nil
}

func (f *Finder) folders(kind string) []string {
	var dirs []string
	for _, below := range []string{"bin", "*/bin", "*/*/bin"} {
		matches, _ := filepath.Glob(filepath.Join(f.runtime, kind+"-[0-9]*", below)) // the patterns are ours
		dirs = append(dirs, matches...)
	}
	for _, pattern := range places(kind) {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	return append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
}

// root is the folder that holds a program with all that it needs.
func (f *Finder) root(bin string) string {
	if rel, err := filepath.Rel(f.runtime, bin); err == nil && filepath.IsLocal(rel) {
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		return filepath.Join(f.runtime, top)
	}
	return filepath.Dir(bin)
}

// Fetched is whether a program lies in the runtime folder.
func (f *Finder) Fetched(e datastore.Engine) bool { return filepath.Dir(e.Root) == f.runtime }

// forget looks anew at the next question.
func (f *Finder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.known)
}

var version = regexp.MustCompile(`(\d+)(\.\d+)+|\b(\d+)(devel|beta\d+|rc\d+)`)

func ask(ctx context.Context, kind, path string) (datastore.Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"LC_ALL=C"}
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return datastore.Engine{}, fmt.Errorf("%s --version: %w: %s", filepath.Base(path), err, strings.TrimSpace(words.String()))
	}
	v := version.FindString(string(out))
	if v == "" {
		return datastore.Engine{}, fmt.Errorf("%s --version says %q", path, out)
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(out), "\n", " "))
	return datastore.Engine{Name: text, Kind: kind, Version: v, Major: major(v)}, nil
}

func major(version string) string {
	end := strings.IndexFunc(version, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		return version
	}
	return version[:end]
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
