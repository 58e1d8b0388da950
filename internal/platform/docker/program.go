package docker

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// labelProgram marks what runs to its end within one call, with no row: what a
// server left that was killed meanwhile is removed by the next.
const labelProgram = prefix + "program"

// Program runs a program of an image to its end and answers what it wrote. It
// has no network, and nothing of it is left.
func (d *Driver) Program(ctx context.Context, p staging.Program) ([]byte, error) {
	options := client.ContainerCreateOptions{
		Config: &container.Config{Image: p.Image, Entrypoint: p.Args[:1], Cmd: p.Args[1:], Env: p.Env, User: p.User, Labels: map[string]string{labelProgram: d.id},
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}},
		HostConfig: &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "2"}}},
	}
	for _, source := range slices.Sorted(maps.Keys(p.Mounts)) {
		options.HostConfig.Mounts = append(options.HostConfig.Mounts, mount.Mount{Type: mount.TypeBind, Source: source, Target: p.Mounts[source]})
	}
	made, err := d.make(ctx, options)
	if isImage(err) && d.builder != nil {
		if err := d.pull(ctx, "", p.Image); err != nil {
			return nil, err
		}
		made, err = d.make(ctx, options)
	}
	if err != nil {
		return nil, noImage(p.Image, err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), killWait)
		defer cancel()
		if err := d.remove(end, made.ID, true); err != nil {
			d.log.Warn("remove what ran to its end", "image", p.Image, "error", err)
		}
	}()
	// Asked before it starts: one that ends at once is not missed.
	wait := d.client.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := call(ctx, d.engine, startTime, "start "+p.Args[0], func(ctx context.Context) (client.ContainerStartResult, error) {
		return d.client.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	}); err != nil {
		return nil, err
	}
	select {
	case end := <-wait.Result:
		out, err := d.output(ctx, made.ID)
		if err == nil && end.StatusCode != 0 {
			err = fmt.Errorf("%s of %s ended with %d: %s", p.Args[0], p.Image, end.StatusCode, strings.TrimSpace(string(out)))
		}
		return out, err
	case err := <-wait.Error:
		return nil, d.fault(ctx, "wait for "+p.Args[0], err)
	}
}

// output is all that a container wrote, both streams.
func (d *Driver) output(ctx context.Context, id string) ([]byte, error) {
	r, err := d.client.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, d.fault(ctx, "read what was written", err)
	}
	defer func() { _ = r.Close() }()
	var out bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &out, r)
	return out.Bytes(), d.fault(ctx, "read what was written", err)
}

// ImageID is the id of an image that a stack names, got from its registry where the
// engine has none of that name.
func (d *Driver) ImageID(ctx context.Context, name string) (string, error) {
	look := func() (client.ImageInspectResult, error) {
		return call(ctx, d.engine, lookTime, "look at an image", func(ctx context.Context) (client.ImageInspectResult, error) {
			return d.client.ImageInspect(ctx, name)
		})
	}
	found, err := look()
	if isImage(err) && d.builder != nil {
		if err := d.pull(ctx, "", name); err != nil {
			return "", err
		}
		found, err = look()
	}
	return found.ID, noImage(name, err)
}

// RemovePrograms removes what a server that was killed left of its programs.
func (d *Driver) RemovePrograms(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	left, err := call(ctx, d.engine, lookTime, "list containers", func(ctx context.Context) (client.ContainerListResult, error) {
		return d.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", labelProgram+"="+d.id)})
	})
	if staging.CodeOf(err) == staging.CodeUnreachable {
		return nil // no engine: nothing runs
	}
	for _, c := range left.Items {
		if err := d.remove(ctx, c.ID, true); err != nil {
			return err
		}
	}
	return err
}

// Answers is why the engine does not answer, nil where it does.
func (d *Driver) Answers(ctx context.Context) error {
	if err := d.answers(ctx); err != nil {
		return err
	}
	return d.isHere(ctx)
}

func (e engine) answers(ctx context.Context) error {
	pong, err := call(ctx, e, 2*time.Second, "answer", func(ctx context.Context) (client.PingResult, error) {
		return e.client.Ping(ctx, client.PingOptions{})
	})
	if err == nil && pong.APIVersion == "" {
		return e.silent("what is there is no engine")
	}
	return err
}

// Answers is whether an engine does, on which environments can run; "" is the usual
// one.
func Answers(ctx context.Context, host string) error {
	e, err := dial(host)
	if err != nil {
		return err
	}
	defer func() { _ = e.client.Close() }()
	if err := e.answers(ctx); err != nil {
		return err
	}
	info, err := e.info(ctx)
	if err != nil {
		return err
	}
	return e.fits(ctx, info)
}
