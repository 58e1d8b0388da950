package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// The images that environments on an engine are made of: those of the tests
// (.ci/engine images), named as everywhere.
const (
	webImage      = "app:1"
	databaseImage = "postgres:15"
	cacheImage    = "redis:7"
	webPort       = "8080"
)

// byEngine does by hand, with bare calls to an engine, what an environment of three
// containers asks of it: the same containers, a network, and in the same order.
type byEngine struct {
	client  *client.Client
	network string
	mu      sync.Mutex
	ids     map[string]string
}

// byHand are the durations of one round, in milliseconds.
type byHand struct {
	// up is from nothing to the first answer; boot is how long the web service, and
	// Postgres on data that is there, take to answer once they have started.
	up, boot float64
	// redeploy is another web service until it answers, down the end of all.
	redeploy, unpause, down float64
}

// findEngine is the engine that DOCKER_HOST names, or why nothing can be measured
// on it.
func findEngine(ctx context.Context) (e *byEngine, lacks string) {
	if os.Getenv("DOCKER_HOST") == "" {
		return nil, "DOCKER_HOST is not set: see .ci/engine"
	}
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err.Error()
	}
	for _, image := range []string{webImage, databaseImage, cacheImage} {
		if _, err := c.ImageInspect(ctx, image); err != nil {
			return nil, fmt.Sprintf("image %s: %v: see .ci/engine images", image, err)
		}
	}
	return &byEngine{client: c, network: fmt.Sprintf("offshoot-bench-%d", os.Getpid()), ids: map[string]string{}}, ""
}

// round brings three containers up, and takes them away again.
func (e *byEngine) round(ctx context.Context) (m byHand, err error) {
	defer func() { err = errors.Join(err, e.clear(context.WithoutCancel(ctx))) }()
	begin := time.Now()
	if _, err := e.client.NetworkCreate(ctx, e.network, client.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		return m, err
	}
	var data errgroup.Group
	data.Go(func() error { return e.begin(ctx, "cache", cacheImage) })
	data.Go(func() error {
		return e.begin(ctx, "db", databaseImage, "POSTGRES_USER=app", "POSTGRES_PASSWORD=secret", "POSTGRES_DB=shop")
	})
	if err := data.Wait(); err != nil {
		return m, err
	}
	if err := e.until(ctx, e.asksDatabase); err != nil {
		return m, err
	}
	if m.boot, err = e.web(ctx, "web"); err != nil {
		return m, err
	}
	m.up = ms(time.Since(begin))
	begin = time.Now()
	if _, err := e.web(ctx, "other"); err != nil {
		return m, err
	}
	m.redeploy = ms(time.Since(begin))
	if m.unpause, err = e.rests(ctx); err != nil {
		return m, err
	}
	again, err := e.again(ctx)
	if err != nil {
		return m, err
	}
	m.boot += again
	begin = time.Now()
	err = e.clear(ctx)
	m.down = ms(time.Since(begin))
	return m, err
}

// web starts a web service and answers how long it then took to answer.
func (e *byEngine) web(ctx context.Context, name string) (float64, error) {
	if err := e.begin(ctx, name, webImage, "PORT="+webPort, "DATABASE_URL=postgres://app:secret@db:5432/shop"); err != nil {
		return 0, err
	}
	started := time.Now()
	err := e.until(ctx, func(ctx context.Context) error { return e.asksWeb(ctx, name) })
	return ms(time.Since(started)), err
}

// rests pauses all and measures from letting them go on to the answer.
func (e *byEngine) rests(ctx context.Context) (float64, error) {
	if err := e.each(func(id string) error {
		_, err := e.client.ContainerPause(ctx, id, client.ContainerPauseOptions{})
		return err
	}); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := e.each(func(id string) error {
		_, err := e.client.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
		return err
	}); err != nil {
		return 0, err
	}
	err := e.asksWeb(ctx, "other")
	return ms(time.Since(begin)), err
}

// again starts the database once more, and answers how long it then took to answer.
func (e *byEngine) again(ctx context.Context) (float64, error) {
	grace := 10
	if _, err := e.client.ContainerStop(ctx, e.ids["db"], client.ContainerStopOptions{Timeout: &grace}); err != nil {
		return 0, err
	}
	if _, err := e.client.ContainerStart(ctx, e.ids["db"], client.ContainerStartOptions{}); err != nil {
		return 0, err
	}
	started := time.Now()
	err := e.until(ctx, e.asksDatabase)
	return ms(time.Since(started)), err
}

func (e *byEngine) begin(ctx context.Context, name, image string, env ...string) error {
	made, err := e.client.ContainerCreate(ctx, client.ContainerCreateOptions{Name: e.network + "-" + name, Config: &container.Config{Image: image, Env: env},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(e.network)}})
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.ids[name] = made.ID
	e.mu.Unlock()
	_, err = e.client.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	return err
}

func (e *byEngine) address(ctx context.Context, name string) (string, error) {
	c, err := e.client.ContainerInspect(ctx, e.ids[name], client.ContainerInspectOptions{})
	if err != nil {
		return "", err
	}
	n, ok := c.Container.NetworkSettings.Networks[e.network]
	if !ok {
		return "", fmt.Errorf("%s is not in its network", name)
	}
	return n.IPAddress.String(), nil
}

func (e *byEngine) asksDatabase(ctx context.Context) error {
	host, err := e.address(ctx, "db")
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, "postgres://app:secret@"+net.JoinHostPort(host, "5432")+"/shop?sslmode=disable")
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

func (e *byEngine) asksWeb(ctx context.Context, name string) error {
	host, err := e.address(ctx, name)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, webPort)+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// until polls, as who does this by hand would.
func (e *byEngine) until(ctx context.Context, up func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := up(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func (e *byEngine) each(do func(id string) error) error {
	var all errgroup.Group
	for _, id := range e.ids {
		all.Go(func() error { return do(id) })
	}
	return all.Wait()
}

// clear takes away what there is: each container is asked to end, as Compose does.
func (e *byEngine) clear(ctx context.Context) error {
	err := e.each(func(id string) error {
		grace := 10
		_, err := e.client.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &grace})
		_, gone := e.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return errors.Join(err, gone)
	})
	if err == nil {
		e.ids = map[string]string{}
	}
	list, listed := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("name", e.network)})
	for _, n := range list.Items {
		_, gone := e.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		err = errors.Join(err, gone)
	}
	return errors.Join(err, listed)
}

// running is how many containers of a server are there.
func (e *byEngine) running(ctx context.Context, environment string) (int, error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", "offshoot.owner="+environment)})
	return len(list.Items), err
}
