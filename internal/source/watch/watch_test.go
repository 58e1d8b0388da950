package watch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/filewatch"
	"offshoot/internal/source/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBranches(t *testing.T) {
	dir := t.TempDir()
	heads := filepath.Join(dir, ".git", "refs", "heads")
	if err := os.MkdirAll(heads, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changed, ended := make(chan struct{}, 100), make(chan error, 1)
	var w filewatch.Watcher
	go func() { ended <- watch.Branches(ctx, &w, dir, func() { changed <- struct{}{} }) }()
	told := func(after string) {
		t.Helper()
		select {
		case <-changed:
		case err := <-ended:
			t.Fatal(after, err)
		case <-time.After(30 * time.Second):
			t.Fatal("nothing is told after " + after)
		}
	}
	told("the beginning")
	for _, name := range []string{"main", "feature/a/b", "feature/a/c", "../../packed-refs"} {
		file := filepath.Join(heads, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		told(name)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNoRepository(t *testing.T) {
	if err := watch.Branches(t.Context(), new(filewatch.Watcher), t.TempDir(), func() {}); err == nil {
		t.Error("a folder without a repository is watched")
	}
}
