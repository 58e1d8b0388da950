package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// plain builds images by the engine's first builder, whose steps are Dockerfile's
// text alone.
type plain struct{ engine *client.Client }

func plainBuilder(engine *client.Client, _ string) (docker.Builder, error) { return plain{engine}, nil }

func (plain) Image(artifact, name string) string { return artifact + "-" + name }

func (p plain) Pull(ctx context.Context, project, image string, tell docker.Tell) error {
	_, err := p.Get(ctx, project, image, tell)
	return err
}

func (p plain) Get(ctx context.Context, _, ref string, tell docker.Tell) (staging.UsedImage, error) {
	i, err := p.engine.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		e := staging.NotFound("name another", "there is no image %s", ref)
		e.Failure = &staging.Failure{Class: staging.ClassBuild, Message: e.Message, Hint: e.Hint}
		return staging.UsedImage{}, e
	}
	tell("found", true)
	return staging.UsedImage{Ref: ref, Run: i.ID}, err
}

func (p plain) Kept(ctx context.Context, b staging.BuildSpec) (string, error) {
	artifact := b.Project + ":" + b.Key
	_, err := p.engine.ImageInspect(ctx, p.Image(artifact, b.Images[0].Name))
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	return artifact, err
}

func (p plain) Build(ctx context.Context, b staging.BuildSpec, tell docker.Tell) (string, error) {
	if artifact, err := p.Kept(ctx, b); artifact != "" || err != nil {
		return artifact, err
	}
	artifact := b.Project + ":" + b.Key
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	text := b.Images[0].Inline
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))}), write(w, text), w.Close()); err != nil {
		return "", err
	}
	done, err := p.engine.ImageBuild(ctx, &archive, client.ImageBuildOptions{Tags: []string{p.Image(artifact, b.Images[0].Name)}, NoCache: true, Remove: true, ForceRemove: true})
	if err != nil {
		return "", err
	}
	defer func() { _ = done.Body.Close() }()
	lines := json.NewDecoder(done.Body)
	for {
		var m struct {
			Stream      string
			ErrorDetail *struct {
				Code    int
				Message string
			}
		}
		switch err := lines.Decode(&m); {
		case errors.Is(err, io.EOF):
			return artifact, nil
		case err != nil:
			return "", err
		case m.ErrorDetail != nil:
			return "", &staging.Error{Message: m.ErrorDetail.Message, Failure: &staging.Failure{Class: staging.ClassBuild, ExitCode: &m.ErrorDetail.Code}}
		}
		for line := range strings.Lines(m.Stream) {
			tell(strings.TrimRight(line, "\r\n"), false)
		}
	}
}

func write(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// buildOf is a build that runs a program; its images are removed at the end.
func buildOf(host string) func(t *testing.T, key string, p platformtest.Program) *staging.BuildSpec {
	return func(t *testing.T, key string, p platformtest.Program) *staging.BuildSpec {
		command, err := json.Marshal([]string{"sh", "-c", platformtest.Shell(p).Shell})
		if err != nil {
			t.Fatal(err)
		}
		b := &staging.BuildSpec{Project: "conformance", Key: key, Images: []staging.ImageBuild{{Name: "web",
			Inline: fmt.Sprintf("FROM debian-base:12\nRUN %s\n", command)}}}
		t.Cleanup(func() {
			c, err := client.New(client.WithHost(host))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ImageRemove(context.Background(), plain{}.Image(b.Project+":"+key, "web"), client.ImageRemoveOptions{Force: true, PruneChildren: true})
			if err != nil && !errdefs.IsNotFound(err) {
				t.Error(err)
			}
		})
		return b
	}
}
