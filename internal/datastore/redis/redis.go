// Package redis is the datastore of Redis and Valkey: a server of its own an
// environment, empty at first, kept over sleep.
package redis

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	client "github.com/redis/go-redis/v9"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// Engines finds server builds, and provides those that the host lacks.
type Engines interface {
	Provide(ctx context.Context, want datastore.Wanted, tell datastore.Progress) (datastore.Engine, error)
}

// Driver implements datastore.Driver.
type Driver struct{ engines Engines }

// New uses those engines.
func New(e Engines) *Driver { return &Driver{engines: e} }

// Kind implements datastore.Driver.
func (*Driver) Kind() string { return "redis" }

// Make implements datastore.Driver. No snapshot has a part of this kind: From
// is ever only the environment's own data of before, which is copied.
func (d *Driver) Make(ctx context.Context, c datastore.Clone, progress datastore.Progress) (datastore.Made, error) {
	e, err := d.engines.Provide(ctx, datastore.Server(c.Store), progress)
	if err != nil {
		return datastore.Made{}, err
	}
	made := datastore.Made{Strategy: "empty", Engine: e.Name, Empty: true,
		Observation: staging.Observation{Kind: staging.ResourceClone, Name: c.Name, Owner: c.Owner, Presence: staging.Present, Ref: c.Dir}}
	if _, err := os.Lstat(c.Dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	if c.From != "" {
		copied, err := copytree.Copy(ctx, c.From, c.Dir, copytree.Options{UID: c.UID, GID: c.GID, Progress: progress.Of("copying")})
		made.Strategy, made.Empty, made.Observation.SizeBytes = string(copied.Strategy), false, copied.Bytes
		return made, err
	}
	if err := os.MkdirAll(filepath.Join(c.Dir+".new", "data"), 0o711); err != nil {
		return made, err
	}
	if err := os.Chmod(filepath.Join(c.Dir+".new", "data"), 0o700); err != nil {
		return made, err
	}
	if err := copytree.Own(filepath.Join(c.Dir+".new", "data"), c.UID, c.GID); err != nil {
		return made, err
	}
	return made, os.Rename(c.Dir+".new", c.Dir)
}

// allowed are the settings that a stack's command may give the server. Whether
// it keeps its data is not among them: it is kept over sleep.
var allowed = []string{"maxmemory", "maxmemory-policy", "databases", "notify-keyspace-events",
	"timeout", "maxclients", "lua-time-limit", "hz", "lazyfree-lazy-eviction"}

var plainValue = regexp.MustCompile(`^[A-Za-z0-9._ -]*$`)

// user is the one that a server has by itself (Redis 6 and later). It stands in
// addresses because redis-cli takes an empty name for that of another user.
const user = "default"

// Serve implements datastore.Driver. The password goes in by a file that only
// the server's user can read.
func (d *Driver) Serve(ctx context.Context, c datastore.Clone, at datastore.Endpoint) (datastore.Serving, error) {
	e, err := d.engines.Provide(ctx, datastore.Server(c.Store), nil)
	if err != nil {
		return datastore.Serving{}, err
	}
	bind, protected, password := at.Host, "yes", "requirepass "+quote(c.Password)
	if e.Image != "" { // a network of the environment's own, where its name is not known to itself
		bind, protected = "* -::*", "no"
		if c.Store.Password == "" { // as written: whoever gives none comes in, and any will do
			password = "user default on nopass ~* &* +@all"
		}
	}
	config := []string{"bind " + bind, "port " + strconv.Itoa(at.Port), "protected-mode " + protected, "dir /data", "daemonize no",
		password, "appendonly yes", "appendfsync everysec", "save 300 1", "stop-writes-on-bgsave-error no",
		"loglevel notice", "enable-debug-command no", "enable-module-command no"}
	for i := 0; i+1 < len(c.Store.Args); i++ {
		key, ok := strings.CutPrefix(c.Store.Args[i], "--")
		if ok && slices.Contains(allowed, key) && plainValue.MatchString(c.Store.Args[i+1]) {
			config = append(config, key+" "+c.Store.Args[i+1])
		}
	}
	address := net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, c.Password), Host: address, Path: "/0"}
	w := e.Workload(e.Program, "/run/redis.conf")
	w.Service, w.Role, w.Dir, w.Restart, w.Limits = c.Store.Name, staging.RoleData, "/data", true, c.Store.Limits
	w.Files = map[string]string{"/run/redis.conf": strings.Join(config, "\n") + "\n"}
	w.Mounts = append(w.Mounts, staging.HostMount{Source: filepath.Join(c.Dir, "data"), Target: "/data"})
	w.StopGrace, w.DiscardSignal = time.Minute, "SIGKILL"
	return datastore.Serving{Workload: w, Variables: map[string]string{"REDIS_URL": u.String()}, URL: u.String()}, nil
}

// quote writes a value as the server's configuration reads it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	b.WriteByte('"')
	return b.String()
}

func address(at datastore.Endpoint) string { return net.JoinHostPort(at.Host, strconv.Itoa(at.Port)) }

func connect(c datastore.Clone, at datastore.Endpoint) *client.Client {
	return client.NewClient(&client.Options{Addr: address(at), Password: c.Password,
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DialTimeout: time.Second, ReadTimeout: 5 * time.Second, DisableIdentity: true})
}

// Ready implements datastore.Driver.
func (d *Driver) Ready(ctx context.Context, c datastore.Clone, at datastore.Endpoint) error {
	return datastore.Poll(ctx, func(ctx context.Context) error {
		// The client writes each refused connection to this process's errors.
		open, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address(at))
		if err != nil {
			return err
		}
		_ = open.Close()
		// A client that once could not connect waits before it tries again.
		r := connect(c, at)
		defer func() { _ = r.Close() }()
		return r.Ping(ctx).Err()
	})
}

// Quiet implements datastore.Driver.
func (d *Driver) Quiet(context.Context, datastore.Clone, datastore.Endpoint) error { return nil }

// Prepare implements datastore.Driver.
func (d *Driver) Prepare(context.Context, datastore.Clone, datastore.Endpoint) error { return nil }
