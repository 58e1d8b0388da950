package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var identity = []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com",
	"GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.com"}

func git(ctx context.Context, dir string, args ...string) error {
	_, err := command(ctx, dir, identity, "git", args...)
	return err
}

// repository makes one from the application's folder, with its modules beside
// it, so that nothing is fetched while it is measured. edit changes the stack.
func (h *host) repository(ctx context.Context, name string, edit func(stack string) string) (string, error) {
	dir := filepath.Join(h.dir, name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("bench", "testdata", "app"))); err != nil {
		return "", err
	}
	stack := filepath.Join(dir, "compose.yaml")
	text, err := os.ReadFile(stack)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(stack, []byte(edit(string(text))), 0o644); err != nil {
		return "", err
	}
	if _, err := command(ctx, dir, []string{"GOFLAGS=-mod=mod"}, "go", "mod", "vendor"); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-qm", "an application"}} {
		if err := git(ctx, dir, args...); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// branch commits a change of the code to a new branch.
func branch(ctx context.Context, repo, name string) error {
	path := filepath.Join(repo, "main.go")
	if err := git(ctx, repo, "checkout", "-q", "-b", name, "main"); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), `change = "main"`, fmt.Sprintf("change = %q", name), 1)
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		return err
	}
	if err := git(ctx, repo, "commit", "-qam", "change of "+name); err != nil {
		return err
	}
	return git(ctx, repo, "checkout", "-q", "main")
}
