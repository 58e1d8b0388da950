package imagebuild_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// base is an image with a shell that the engine has.
const base = "debian-base:12"

// host is a builder on the real engine, and what is built with it.
type host struct {
	*testing.T
	*imagebuild.Builder
	engine  *client.Client
	ctx     context.Context
	dir     string
	server  string
	project string

	mu    sync.Mutex
	lines []imagebuild.Line
}

func newHost(t *testing.T, change ...func(*imagebuild.Config)) *host {
	t.Helper()
	engine := newEngine(t)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	h := &host{T: t, engine: engine, ctx: ctx, dir: t.TempDir(), server: "test-" + id, project: "p" + id[:12]}
	config := imagebuild.Config{Engine: engine, Dir: h.dir, Server: h.server}
	for _, f := range change {
		f(&config)
	}
	b, err := imagebuild.New(config)
	if err != nil {
		t.Fatal(err)
	}
	h.Builder = b
	t.Cleanup(h.clean)
	return h
}

// newEngine is a client of the engine that DOCKER_HOST names.
func newEngine(t *testing.T) *client.Client {
	t.Helper()
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		componenttest.Missing(t, "docker", err.Error())
	}
	if _, err := engine.ImageInspect(ctx, base); err != nil {
		componenttest.Missing(t, "docker", "it has no image "+base)
	}
	return engine
}

// clean removes every image that h's server made.
func (h *host) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, i := range h.images(ctx) {
		if _, err := h.engine.ImageRemove(ctx, i, client.ImageRemoveOptions{Force: true, PruneChildren: true}); err != nil {
			h.Errorf("%s stays: %v", i, err)
		}
	}
}

// images are the ids of all images that h's server made.
func (h *host) images(ctx context.Context) []string {
	h.Helper()
	found, err := h.engine.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", "offshoot.image.server="+h.server)})
	if err != nil {
		h.Fatal(err)
	}
	var ids []string
	for _, i := range found.Items {
		ids = append(ids, i.ID)
	}
	return ids
}

// checkout is a folder with these files.
func checkout(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// spec is a branch's, with a key of its own.
func (h *host) spec(branch string, files map[string]string, images ...staging.ImageBuild) staging.BuildSpec {
	h.Helper()
	for i := range images {
		if images[i].Name == "" {
			images[i].Name = "web"
		}
		if images[i].Context == "" {
			images[i].Context = "."
		}
	}
	return staging.BuildSpec{Project: h.project, Key: strings.ReplaceAll(uuid.NewString(), "-", ""), Checkout: checkout(h.T, files),
		Images: images, Branch: branch, BaseBranch: "main", Timeout: 2 * time.Minute}
}

// tell keeps what a build says.
func (h *host) tell(l imagebuild.Line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, l)
}

// said is all that builds said since it was last asked.
func (h *host) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := ""
	for _, l := range h.lines {
		text += l.Image + ": " + l.Text + "\n"
	}
	h.lines = nil
	return text
}

func (h *host) built(spec staging.BuildSpec) imagebuild.Built {
	h.Helper()
	built, err := h.Build(h.ctx, spec, imagebuild.Options{Progress: h.tell})
	if err != nil {
		h.Fatalf("%v\n%s", err, h.said())
	}
	return built
}

// fails builds what must not succeed.
func (h *host) fails(spec staging.BuildSpec, class staging.Class, words ...string) staging.Failure {
	h.Helper()
	_, err := h.Build(h.ctx, spec, imagebuild.Options{Progress: h.tell})
	return failure(h.T, err, class, words...)
}

// failure is what err says, which must be of class and hold all words.
func failure(t *testing.T, err error, class staging.Class, words ...string) staging.Failure {
	t.Helper()
	var e *staging.Error
	if !asError(err, &e) || e.Failure == nil {
		t.Fatalf("it ended with %v, not with a failure", err)
	}
	if e.Failure.Class != class || e.Hint == "" {
		t.Errorf("class %s, hint %q: %v", e.Failure.Class, e.Hint, err)
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("%q does not say %q", e.Message, w)
		}
	}
	return *e.Failure
}

// runs runs a built image's command and answers what it wrote.
func (h *host) runs(ref string, command ...string) string {
	h.Helper()
	c, err := h.engine.ContainerCreate(h.ctx, client.ContainerCreateOptions{Image: ref, Config: containerOf(command)})
	if err != nil {
		h.Fatal(err)
	}
	defer func() {
		if _, err := h.engine.ContainerRemove(context.WithoutCancel(h.ctx), c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
			h.Error(err)
		}
	}()
	wait := h.engine.ContainerWait(h.ctx, c.ID, client.ContainerWaitOptions{Condition: "next-exit"})
	if _, err := h.engine.ContainerStart(h.ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		h.Fatal(err)
	}
	select {
	case <-wait.Result:
	case err := <-wait.Error:
		h.Fatal(err)
	}
	return logsOf(h.T, h.ctx, h.engine, c.ID)
}
