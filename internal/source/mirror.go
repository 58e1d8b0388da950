package source

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"offshoot/internal/staging"
)

// Repository is where a project's code comes from and what its administrators
// allow of it.
type Repository struct {
	Project string
	// Remote is a URL or an absolute path; it never contains credentials.
	Remote string
	// Credential opens it, nil where it is open to all.
	Credential *Credential
	// Submodules and LFS are whether a checkout has their files too.
	Submodules, LFS bool
	// Joined are the folders of joined repositories. Neither counts for those: what
	// is large there stays a pointer.
	Joined []string
}

// joined is whether a path of a checkout is a joined repository's.
func (r Repository) joined(at string) bool {
	return slices.ContainsFunc(r.Joined, func(folder string) bool { return strings.HasPrefix(at, folder+"/") })
}

// Mirrors are bare copies, one a project. All methods are safe for concurrent
// use; fetches of one project are made one after another.
type Mirrors struct {
	// Describe says what is allowed of a project's repository, for checkouts;
	// nil allows nothing. It is set before the first use.
	Describe func(ctx context.Context, project string) (Repository, error)

	dir string
	git string
	log *slog.Logger

	mu    sync.Mutex
	locks map[string]*sync.Mutex
}

// New keeps mirrors as DIR/PROJECT.git. It needs the git program, and says so
// where there is none.
func New(dir string, log *slog.Logger) (*Mirrors, error) {
	git, err := findGit()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of mirrors: %w", err)
	}
	// What a killed server had laid down for a command.
	if err := os.RemoveAll(filepath.Join(dir, credentialDir)); err != nil {
		return nil, fmt.Errorf("folder of mirrors: %w", err)
	}
	return &Mirrors{dir: dir, git: git, log: log, locks: map[string]*sync.Mutex{}}, nil
}

var projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

func (m *Mirrors) path(project string) (string, error) {
	if !projectName.MatchString(project) {
		return "", staging.Errorf(staging.CodeUsage, "use a-z, 0-9 and dashes", "project name %q", project)
	}
	return filepath.Join(m.dir, project+".git"), nil
}

func (m *Mirrors) lock(project string) func() {
	m.mu.Lock()
	l, ok := m.locks[project]
	if !ok {
		l = &sync.Mutex{}
		m.locks[project] = l
	}
	m.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// Fetch brings the mirror up to date with every branch of the remote, making
// it where it is not there yet. A remote that cannot be reached leaves what
// was known untouched.
func (m *Mirrors) Fetch(ctx context.Context, r Repository) error {
	if err := CheckRemote(r.Remote); err != nil {
		return err
	}
	dir, err := m.path(r.Project)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.bring(ctx, dir, r.Project, r, "+refs/heads/*:refs/heads/*", ""); err != nil {
		return err
	}
	m.log.DebugContext(ctx, "fetched", "project", r.Project, "took", time.Since(began))
	return nil
}

// initialise makes an empty mirror under another name first, so that a crash
// leaves none that is half made.
func (m *Mirrors) initialise(ctx context.Context, dir string) error {
	tmp := dir + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("remove what an interrupted start left: %w", err)
	}
	if _, err := m.run(ctx, m.dir, nil, "init", "--quiet", "--bare", "--template=", tmp); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// Remove deletes a project's mirror.
func (m *Mirrors) Remove(project string) error {
	dir, err := m.path(project)
	if err != nil {
		return err
	}
	defer m.lock(project)()
	return os.RemoveAll(dir)
}

// maxRemote bounds an address, as Linux bounds a path (PATH_MAX).
const maxRemote = 4096

// CheckRemote refuses an address that git would read as an option or run as a
// program, and one that carries a password.
func CheckRemote(remote string) error {
	hint := "use an absolute path, https://HOST/PATH or ssh://HOST/PATH"
	switch {
	case len(remote) > maxRemote:
		return staging.Errorf(staging.CodeUsage, hint, "the address of the repository has %d characters, %d at most", len(remote), maxRemote)
	case remote == "" || strings.HasPrefix(remote, "-") || strings.ContainsAny(remote, "\x00\n\r"):
		return staging.Errorf(staging.CodeUsage, hint, "%q is no address of a repository", remote)
	case strings.Contains(remote, "::"):
		return staging.Errorf(staging.CodeUsage, hint, "addresses that run a helper program (::) are not allowed")
	case filepath.IsAbs(remote):
		return nil
	}
	scheme, rest, ok := strings.Cut(remote, "://")
	if !ok {
		if host, _, scp := strings.Cut(remote, ":"); scp && host != "" && !strings.HasPrefix(host, "-") && !strings.Contains(host, "/") {
			return nil
		}
		return staging.Errorf(staging.CodeUsage, hint, "%q is no address of a repository", remote)
	}
	switch scheme {
	case "http", "https", "ssh", "git", "file":
	default:
		return staging.Errorf(staging.CodeUsage, hint, "%s:// is no transport that is allowed", scheme)
	}
	host, _, _ := strings.Cut(rest, "/")
	if user, _, has := strings.Cut(host, "@"); has && strings.Contains(user, ":") {
		return staging.Errorf(staging.CodeUsage, "offshoot project credential set git reads it from stdin",
			"an address must not carry a password")
	}
	if strings.HasPrefix(host, "-") {
		return staging.Errorf(staging.CodeUsage, hint, "%q is no host", host)
	}
	return nil
}
