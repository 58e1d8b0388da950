package cli

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

const defaultServer = "http://127.0.0.1:7070"

// client finds the server and the token to it.
func (s *stdio) client() *apiclient.Client {
	base := first(s.server, os.Getenv("OFFSHOOT_SERVER"), defaultServer)
	token := os.Getenv("OFFSHOOT_TOKEN")
	if token == "" {
		// The local server's own, where this user may read it.
		text, _ := os.ReadFile(filepath.Join(dataDir(), "admin-token"))
		token = strings.TrimSpace(string(text))
	}
	return &apiclient.Client{Base: strings.TrimSuffix(base, "/"), Token: token, HTTP: &http.Client{}}
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

// git answers one line of git's in the current folder, "" where it fails.
func git(ctx context.Context, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func currentBranch(ctx context.Context) string {
	return git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
}

// guessProject is the project of the checkout, "" for none.
func (s *stdio) guessProject(ctx context.Context, c *apiclient.Client) (string, error) {
	if s.project != "" {
		return s.project, nil
	}
	top := git(ctx, "rev-parse", "--show-toplevel")
	if top == "" {
		return "", nil
	}
	remote := git(ctx, "remote", "get-url", "origin")
	list, err := c.Projects(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range list.Items {
		if p.Repo == top || remote != "" && trimGit(p.Repo) == trimGit(remote) {
			return p.Name, nil
		}
	}
	return "", nil
}

func trimGit(url string) string { return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git") }

// needProject is the project that a command works in.
func (s *stdio) needProject(ctx context.Context, c *apiclient.Client) (string, error) {
	name, err := s.guessProject(ctx, c)
	if err == nil && name == "" {
		err = staging.NotFound("offshoot project add, or name one: -p PROJECT", "this folder is no checkout of a project")
	}
	return name, err
}

// environment is the one that a person names.
func (s *stdio) environment(ctx context.Context, c *apiclient.Client, name string) (wire.Environment, error) {
	project, err := s.guessProject(ctx, c)
	if err != nil {
		return wire.Environment{}, err
	}
	if name == "." {
		if name = currentBranch(ctx); name == "" {
			return wire.Environment{}, staging.NotFound("name a branch", "this folder is no checkout of a branch")
		}
	}
	v, err := c.Resolve(ctx, project, name)
	if staging.CodeOf(err) == staging.CodeNotFound && project != "" && s.project == "" {
		return c.Resolve(ctx, "", name) // PROJECT/NAME
	}
	return v, err
}
