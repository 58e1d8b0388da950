package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

const defaultServer = "http://127.0.0.1:7070"

// client finds the server and the token to it. A server's own token is sent
// to this machine alone, a login's to its server alone.
func (s *stdio) client() *apiclient.Client {
	l, err := readLogins()
	if err != nil {
		_, _ = fmt.Fprintln(s.err, "warning:", err)
	}
	base := strings.TrimSuffix(first(s.server, os.Getenv("OFFSHOOT_SERVER"), l.Current, defaultServer), "/")
	token := first(os.Getenv("OFFSHOOT_TOKEN"), l.Tokens[base])
	if token == "" && local(base) {
		text, _ := os.ReadFile(filepath.Join(dataDir(), "admin-token")) // where this user may read it
		token = strings.TrimSpace(string(text))
	}
	return &apiclient.Client{Base: base, Token: token, HTTP: &http.Client{}}
}

// dataDir is where a server keeps its data unless told otherwise.
func dataDir() string {
	if dir := os.Getenv("OFFSHOOT_DATA_DIR"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/offshoot"
	}
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, _ := os.UserHomeDir()
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "offshoot")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// gitCommand is git in whatever folder a person is in: what that checkout's own
// configuration names to watch its files is not run.
func gitCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
}

// git answers one line of git's in the current folder, "" where it fails.
func git(ctx context.Context, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := gitCommand(ctx, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// whyNone is what to do where this folder is taken for no checkout: hint, unless
// that is only because git cannot say so.
func whyNone(ctx context.Context, hint string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "rev-parse", "--show-toplevel")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	said, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "install git: without it no checkout is known"
	case strings.Contains(string(said), "dubious ownership"):
		return "this checkout is another user's: be that one, or trust it with git config --global --add safe.directory DIR"
	}
	return hint
}

func currentBranch(ctx context.Context, dir string) string {
	return git(ctx, "-C", dir, "symbolic-ref", "--quiet", "--short", "HEAD")
}

// checkout is what a folder says of the repository it belongs to.
type checkout struct {
	// top is the folder's top, common the repository that it is a work tree of.
	top, common string
	remotes     []string
}

func here(ctx context.Context) checkout {
	c := checkout{top: git(ctx, "rev-parse", "--show-toplevel")}
	if c.top == "" {
		return c
	}
	c.common = strings.TrimSuffix(git(ctx, "rev-parse", "--path-format=absolute", "--git-common-dir"), "/.git")
	for name := range strings.FieldsSeq(git(ctx, "remote")) {
		c.remotes = append(c.remotes, git(ctx, "remote", "get-url", name))
	}
	return c
}

// of is whether the folder is a checkout of that repository, whichever way
// both name it.
func (c checkout) of(repo string) bool {
	for _, own := range append([]string{c.top, c.common}, c.remotes...) {
		if own != "" && sameRepository(own, repo) {
			return true
		}
	}
	return false
}

// sameRepository is whether two addresses are of one repository, as far as they
// tell.
func sameRepository(a, b string) bool { return plainAddress(a) == plainAddress(b) }

func plainAddress(address string) string {
	if filepath.IsAbs(address) {
		if real, err := filepath.EvalSymlinks(strings.TrimSuffix(address, "/")); err == nil {
			address = real
		}
	}
	return staging.PlainRepository(address)
}

// guessProject is the project of the checkout, "" for none.
func (s *stdio) guessProject(ctx context.Context, c *apiclient.Client) (string, error) {
	if s.project != "" {
		return s.project, nil
	}
	folder := here(ctx)
	if folder.top == "" {
		return "", nil
	}
	list, err := c.Projects(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range list.Items {
		if folder.of(p.Repo) {
			return p.Name, nil
		}
	}
	for _, p := range list.Items { // a repository may be a project and joined to others
		if slices.ContainsFunc(p.Joined, func(j staging.Joined) bool { return folder.of(j.Repo) }) {
			return p.Name, nil
		}
	}
	return "", nil
}

// needProject is the project that a command works in.
func (s *stdio) needProject(ctx context.Context, c *apiclient.Client) (string, error) {
	name, err := s.guessProject(ctx, c)
	if err == nil && name == "" {
		err = staging.NotFound(whyNone(ctx, "offshoot project add, or name one: -p PROJECT"), "this folder is no checkout of a project")
	}
	return name, err
}

// environment is the one that a person names.
func (s *stdio) environment(ctx context.Context, c *apiclient.Client, name string) (wire.Environment, error) {
	if name == "" {
		return wire.Environment{}, staging.Errorf(staging.CodeUsage, "name an id, a branch, a slug or staging; in a checkout . is its branch", "no environment is named")
	}
	project, here := strings.CutSuffix(name, "/.")
	if name == "." || here && s.project == "" {
		branch := currentBranch(ctx, ".")
		if branch == "" {
			return wire.Environment{}, onNoBranch(ctx, staging.CodeNotFound)
		}
		if here {
			return c.Resolve(ctx, project, branchPrefix+branch)
		}
		return s.branchEnvironment(ctx, c, branch)
	}
	if s.project != "" || staging.HasID(name, staging.EnvironmentPrefix) {
		return c.Resolve(ctx, s.project, name)
	}
	project, err := s.guessProject(ctx, c)
	if err != nil {
		return wire.Environment{}, err
	}
	return c.ResolveIn(ctx, project, name)
}

// branchPrefix leads the full name of a branch, which means nothing else.
const branchPrefix = "refs/heads/"

// branchEnvironment is the environment of a branch of the project, whatever
// slug or word its name is too.
func (s *stdio) branchEnvironment(ctx context.Context, c *apiclient.Client, branch string) (wire.Environment, error) {
	project, err := s.needProject(ctx, c)
	if err != nil {
		return wire.Environment{}, err
	}
	return c.Resolve(ctx, project, branchPrefix+branch)
}
