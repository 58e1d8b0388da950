package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/componenttest/registry"
)

// elsewhere are the images that a script had made as a CI would: not by the
// server; and the registry that they were pushed to.
type elsewhere struct {
	mu       sync.Mutex
	refs     map[string]bool
	registry *registry.Registry
}

type elsewhereKey struct{}

// beginRegistry is `registry [tokens]`: a registry that wants to be signed in to,
// as $REGISTRY; $REGISTRY/private is what it gives to nobody else.
func beginRegistry(ts *testscript.TestScript, neg bool, args []string) {
	e := ts.Value(elsewhereKey{}).(*elsewhere)
	if neg || len(args) > 1 || e.registry != nil {
		ts.Fatalf("usage: registry [tokens], once")
	}
	e.registry = registry.New()
	e.registry.Closed, e.registry.Tokens = true, len(args) == 1
	ts.Setenv("REGISTRY", e.registry.Host)
	ts.Check(os.WriteFile(ts.MkAbs("password"), []byte(registry.User+":"+registry.Password+"\n"), 0o600))
}

// push has the engine push an image to the script's registry, and forgets it.
func push(ctx context.Context, c *client.Client, ref string) error {
	text, err := json.Marshal(map[string]string{"username": registry.User, "password": registry.Password})
	if err != nil {
		return err
	}
	stream, err := c.ImagePush(ctx, ref, client.ImagePushOptions{RegistryAuth: base64.URLEncoding.EncodeToString(text)})
	if err != nil {
		return err
	}
	if err := stream.Wait(ctx); err != nil {
		return err
	}
	_, err = c.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	return err
}

// makeImage is `make-image REF NAME=VALUE`: the image of the web service of tests,
// with that variable, as if a CI had built it. One of the script's registry is pushed
// there, and not on the engine any more.
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
	if e.registry != nil && strings.HasPrefix(args[0], e.registry.Host+"/") {
		ts.Check(push(ctx, c, args[0]))
	}
}

// clean removes them.
func (e *elsewhere) clean() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.refs) == 0 && e.registry == nil {
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
	if e.registry == nil {
		return
	}
	e.registry.Close()
	_ = e.forget(ctx, c) // nobody has them any more
}

// forget takes what the engine got from the script's registry away.
func (e *elsewhere) forget(ctx context.Context, c *client.Client) error {
	got, err := c.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", e.registry.Host+"/*")})
	for _, i := range got.Items {
		for _, ref := range append(i.RepoTags, i.RepoDigests...) {
			_, gone := c.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
			if !errdefs.IsNotFound(gone) { // it went with another of its names
				err = errors.Join(err, gone)
			}
		}
	}
	return err
}

// forgetImages is `forget-images`: the engine has none of the script's registry any
// more, as after somebody's `docker image prune -a`.
func forgetImages(ts *testscript.TestScript, neg bool, args []string) {
	e := ts.Value(elsewhereKey{}).(*elsewhere)
	if neg || len(args) > 0 || e.registry == nil {
		ts.Fatalf("usage: forget-images, after registry")
	}
	c, err := client.New(client.WithHost(os.Getenv(engineVariable)))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ts.Check(e.forget(ctx, c))
}
