package e2e

import (
	"context"
	"os"
	"sync"

	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"
)

// elsewhere are the images that a script had made as a CI would: not by the
// server.
type elsewhere struct {
	mu   sync.Mutex
	refs map[string]bool
}

type elsewhereKey struct{}

// makeImage is `make-image REF NAME=VALUE`: the image of the web service of tests,
// with that variable, as if a CI had built it.
func makeImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: make-image REF NAME=VALUE")
	}
	c, err := client.New(client.WithHost(os.Getenv(engineVariable)))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	made, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "app:1"})
	ts.Check(err)
	defer func() { _, _ = c.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true}) }()
	_, err = c.ContainerCommit(ctx, made.ID, client.ContainerCommitOptions{Reference: args[0], Changes: []string{"ENV " + args[1]}})
	ts.Check(err)
	e := ts.Value(elsewhereKey{}).(*elsewhere)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refs[args[0]] = true
}

// clean removes them.
func (e *elsewhere) clean() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.refs) == 0 {
		return
	}
	c, err := client.New(client.WithHost(os.Getenv(engineVariable)))
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for ref := range e.refs {
		_, _ = c.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	}
}
