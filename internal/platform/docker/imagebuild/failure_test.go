package imagebuild_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

func TestAFailedStepSaysWhatItWrote(t *testing.T) {
	h := newHost(t)
	f := h.fails(h.spec("main", map[string]string{"web/Dockerfile": "FROM " + base + "\nRUN echo compiling; echo broken; exit 3\n"}, staging.ImageBuild{Context: "web"}),
		staging.ClassBuild, "the build of web", "[2/2] RUN echo compiling", "exit code: 3")
	if f.ExitCode == nil || *f.ExitCode != 3 || f.Service != "web" || f.File != "web/Dockerfile" || !slices.Equal(f.LogTail, []string{"compiling", "broken"}) {
		t.Errorf("%#v", f)
	}
	if n := len(h.images(h.ctx)); n != 0 {
		t.Errorf("%d images are left", n)
	}
}

func TestABuildGetsNoMoreRightsThanAnyOther(t *testing.T) {
	h := newHost(t)
	for _, flag := range []string{"--network=host", "--security=insecure"} {
		h.fails(h.spec("bad", map[string]string{"Dockerfile": "FROM " + base + "\nRUN " + flag + " true\n"}, staging.ImageBuild{}), staging.ClassPolicy, "neither the host's network")
	}
	built := h.built(h.spec("bad", map[string]string{"Dockerfile": "FROM " + base + "\nRUN (ls /var/run/docker.sock /run/docker.sock; ls /dev/sd* /dev/vd*; grep CapEff /proc/self/status) > /got 2>&1; true\n"}, staging.ImageBuild{}))
	got := h.runs(imagebuild.Image(built.Artifact, "web"), "cat", "/got")
	if strings.Count(got, "No such file") != 4 || !strings.Contains(got, "CapEff:\t00000000a80425fb") {
		t.Errorf("a step sees\n%s", got)
	}
}

func TestDockerfilesThatCannotBeBuilt(t *testing.T) {
	h := newHost(t)
	for name, c := range map[string]struct {
		dockerfile string
		build      staging.ImageBuild
		words      []string
	}{
		"no Dockerfile": {"", staging.ImageBuild{Dockerfile: "none"}, []string{"none cannot be read"}},
		"no sense":      {"FRM x\n", staging.ImageBuild{}, []string{"FRM"}},
		"no target":     {"FROM scratch AS a\nCOPY . /\n", staging.ImageBuild{Target: "b"}, []string{"target"}},
		"no file":       {"FROM scratch\nCOPY none /\n", staging.ImageBuild{}, []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Build(h.ctx, h.spec("main", map[string]string{"Dockerfile": c.dockerfile}, c.build), imagebuild.Options{})
			failure(t, err, staging.ClassBuild, c.words...)
		})
	}
}

// cut is an engine whose connections can be lost, or that falls silent.
type cut struct {
	*client.Client
	mu     sync.Mutex
	conns  []net.Conn
	silent atomic.Bool
}

func (c *cut) DialHijack(ctx context.Context, url, proto string, meta map[string][]string) (net.Conn, error) {
	conn, err := c.Client.DialHijack(ctx, url, proto, meta)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return conn, err
}

func (c *cut) ServerVersion(ctx context.Context, o client.ServerVersionOptions) (client.ServerVersionResult, error) {
	if c.silent.Load() {
		<-ctx.Done()
		return client.ServerVersionResult{}, ctx.Err()
	}
	return c.Client.ServerVersion(ctx, o)
}

func (c *cut) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

func TestAnEngineThatGoesAwayDuringABuild(t *testing.T) {
	for name, away := range map[string]func(*cut){"lost": (*cut).lose, "silent": func(c *cut) { c.silent.Store(true) }} {
		t.Run(name, func(t *testing.T) {
			var engine *cut
			h := newHost(t, func(c *imagebuild.Config) {
				engine = &cut{Client: c.Engine.(*client.Client)}
				c.Engine, c.Call = engine, 2*time.Second
			})
			spec, seconds := h.sleeper()
			_, err := h.Build(h.ctx, spec, imagebuild.Options{Progress: whenUp(func() { away(engine) })})
			if f := failure(t, err, staging.ClassPlatform, "connection to the Docker engine was lost"); !f.Retryable {
				t.Error("it cannot be tried again")
			}
			eventually(t, "its process is gone", func() bool { return !sleeps(t, seconds) })
			if n := len(h.images(h.ctx)); n != 0 {
				t.Errorf("%d images are left", n)
			}
		})
	}
}

func TestAnEngineThatAnswersNonsense(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"no"}`, http.StatusInternalServerError)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"500 to builds": func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/version"):
				_, _ = w.Write([]byte(`{"ApiVersion":"1.41"}`))
			case strings.Contains(r.URL.Path, "/images/"):
				http.Error(w, `{"message":"No such image"}`, http.StatusNotFound)
			default:
				http.Error(w, `{"message":"no"}`, http.StatusInternalServerError)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			engine, err := client.New(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithAPIVersion("1.41"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = engine.Close() }()
			dir := t.TempDir()
			b, err := imagebuild.New(imagebuild.Config{Engine: engine, Dir: dir, Server: "s", Call: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if removed, err := b.Prune(t.Context(), imagebuild.Policy{Age: time.Hour}); err != nil || removed != nil {
				t.Errorf("where nothing was built: removed %v, %v", removed, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "used.json"), []byte(`{"offshoot/shop/web:1":"2026-01-01T00:00:00Z"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			spec := staging.BuildSpec{Project: "shop", Key: strings.Repeat("a", 32), Checkout: checkout(t, nil), Images: []staging.ImageBuild{{Name: "web", Context: ".", Inline: "FROM scratch\nCOPY . /\n"}}}
			_, err = b.Build(t.Context(), spec, imagebuild.Options{})
			failure(t, err, staging.ClassPlatform, "Docker engine")
			if _, err := b.Kept(t.Context(), spec); err == nil && name != "500 to builds" {
				t.Error("an engine that does not answer has no image")
			}
			if _, err := b.Prune(t.Context(), imagebuild.Policy{Age: time.Hour}); err == nil {
				t.Error("an engine that does not answer has nothing to prune")
			}
		})
	}
}
