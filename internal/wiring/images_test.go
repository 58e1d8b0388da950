package wiring

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// TestDockerRunsWhatItBuilt has an image built from a checkout and a task run in
// it, by the driver and the builder of the program.
func TestDockerRunsWhatItBuilt(t *testing.T) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		componenttest.Missing(t, "docker", "DOCKER_HOST is not set")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s, dir, checkout := &server{}, t.TempDir(), t.TempDir()
	d, err := docker.New(docker.Config{Dir: dir, Host: host, Log: slog.New(slog.DiscardHandler), Builder: s.builder(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := os.WriteFile(filepath.Join(checkout, "Dockerfile"), []byte("FROM debian-base:12\nRUN echo built > /said\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	owner, key := "env_"+uuid.NewString()[:8], strings.ReplaceAll(uuid.NewString(), "-", "")
	resource := func(kind staging.ResourceKind, name string) platform.Resource {
		return platform.Resource{Kind: kind, Name: owner + "/" + string(kind) + "/" + name, Owner: owner, SpecHash: "1"}
	}
	scope := resource(staging.ResourceScope, "0")
	scope.Scope = &platform.Scope{Project: "shop", Environment: owner, Slug: "main"}
	build := resource(staging.ResourceBuild, "1")
	build.Build = &staging.BuildSpec{Project: "shop", Key: key, Checkout: checkout, Branch: "main", BaseBranch: "main", Timeout: time.Minute,
		Images: []staging.ImageBuild{{Name: "web", Context: "."}}}
	defer func() {
		if engine, err := client.New(client.WithHost(host)); err == nil {
			_, _ = engine.ImageRemove(context.WithoutCancel(ctx), "offshoot/shop/web:"+key, client.ImageRemoveOptions{PruneChildren: true})
			_ = engine.Close()
		}
		if err := d.Delete(context.WithoutCancel(ctx), platform.Ref{Kind: scope.Kind, Name: scope.Name, Owner: owner}); err != nil {
			t.Error(err)
		}
	}()
	ended := func(r platform.Resource) staging.Observation {
		o, err := d.Apply(ctx, r)
		ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: owner}
		for err == nil && o.Run != staging.RunExited && r.Kind != staging.ResourceScope {
			o, err = d.Wait(ctx, ref, o)
		}
		if err != nil || o.ExitCode != nil && *o.ExitCode != 0 {
			t.Fatalf("%s: %+v, %v", r.Name, o, err)
		}
		return o
	}
	ended(scope)
	artifact := ended(build).Ref
	if got := d.Kept(owner, *build.Build); got == "" || got != artifact {
		t.Errorf("built %q, kept %q", artifact, got)
	}
	task := resource(staging.ResourceTask, "1")
	task.Workload = &staging.WorkloadSpec{Service: "web", Role: staging.RoleTask, Artifact: artifact, Built: "web", Command: staging.Command{Args: []string{"cat", "/said"}}}
	ended(task)
	said := ""
	for _, name := range []string{task.Name, build.Name} {
		err = errors.Join(err, d.Logs(ctx, platform.LogQuery{Owner: owner, Names: []string{name}, Tail: -1}, func(l platform.LogLine) error {
			said += string(l.Text) + "\n"
			return nil
		}))
	}
	if err != nil || !strings.HasPrefix(said, "built\n") || !strings.Contains(said, "web: #") || !strings.Contains(said, "RUN echo built") {
		t.Errorf("%v\n%s", err, said)
	}
	if err := d.Delete(ctx, platform.Ref{Kind: task.Kind, Name: task.Name, Owner: owner}); err != nil {
		t.Error(err)
	}
	if err := s.images.prune(ctx, map[string]bool{artifact: true}); err != nil {
		t.Error(err)
	}
	if _, err := s.images.Inspect(ctx, s.images.Image(artifact, "web")); err != nil {
		t.Error(err)
	}
}
