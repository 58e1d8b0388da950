package imagebuild_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

func asError(err error, e **staging.Error) bool { return errors.As(err, e) }

func containerOf(command []string) *container.Config {
	return &container.Config{Cmd: command, NetworkDisabled: true}
}

func logsOf(t *testing.T, ctx context.Context, engine *client.Client, id string) string {
	t.Helper()
	stream, err := engine.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, stream); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func (h *host) tag(source, target string) {
	h.Helper()
	if _, err := h.engine.ImageTag(h.ctx, client.ImageTagOptions{Source: source, Target: target}); err != nil {
		h.Fatal(err)
	}
}

func (h *host) untag(ref string) {
	h.Helper()
	if _, err := h.engine.ImageRemove(context.WithoutCancel(h.ctx), ref, client.ImageRemoveOptions{}); err != nil {
		h.Error(err)
	}
}
