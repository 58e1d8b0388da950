package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// How long the engine may take to answer, on a busy host.
const (
	lookTime  = 20 * time.Second
	makeTime  = time.Minute
	startTime = 2 * time.Minute
	pullTime  = 15 * time.Minute
)

// engine is one engine, as this process reaches it.
type engine struct {
	client *client.Client
	host   string
	// processors are those of its host, 0 where that is not known.
	processors int
	// log is told how long each call took, nil for nobody.
	log *slog.Logger
}

func dial(host string) (engine, error) {
	host = cmp.Or(host, client.DefaultDockerHost)
	u, err := url.Parse(host)
	if err != nil || !slices.Contains([]string{"unix", "tcp", "ssh"}, u.Scheme) {
		return engine{}, staging.Errorf(staging.CodeUsage, "write unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST", "the engine %q cannot be reached so", host)
	}
	options, err := transport(host, u)
	var c *client.Client
	if err == nil {
		c, err = client.New(options...)
	}
	if err != nil {
		return engine{}, staging.Errorf(staging.CodeUsage, "see DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH", "the engine %q: %w", host, err)
	}
	return engine{client: c, host: host}, nil
}

// transport is how an engine is reached, by the variables that Docker's own
// client reads. A certificate is always verified.
func transport(host string, u *url.URL) ([]client.Opt, error) {
	keys := os.Getenv("DOCKER_CERT_PATH")
	switch {
	case u.Scheme == "ssh":
		dialer, err := overSSH(u)
		return []client.Opt{client.WithHost("http://engine.invalid"), client.WithDialContext(dialer)}, err
	case u.Scheme == "tcp" && (keys != "" || os.Getenv("DOCKER_TLS_VERIFY") != ""):
		if keys == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, err
			}
			keys = filepath.Join(home, ".docker")
		}
		return []client.Opt{client.WithHost(host), client.WithTLSClientConfig(filepath.Join(keys, "ca.pem"), filepath.Join(keys, "cert.pem"), filepath.Join(keys, "key.pem"))}, nil
	}
	return []client.Opt{client.WithHost(host)}, nil
}

// errMissing is that the engine answered, and has no such thing. That a socket is
// not there is another matter: it is never in the chain of an error of a call.
var errMissing = errors.New("it is not there")

// missing is what the engine says of what it does not have.
type missing struct{ error }

func (missing) Is(target error) bool { return target == errMissing }

func (m missing) Unwrap() error { return m.error }

// fault is err of a call, as people read it: what, where, what to do. What ended
// with ctx stays that.
func (e engine) fault(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case ctx.Err() != nil:
		return e.silent("%s: %w", what, ctx.Err())
	case unanswered(err):
		return e.silent("%s", what+why(err)) // not in the chain: see errMissing
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w", what, missing{err})
	}
	return staging.Errorf(staging.CodeInternal, "the engine's own log tells more", "the Docker engine at %s could not %s: %w", e.host, what, err)
}

// why is what is known of the way to an engine, behind what it was asked for: the
// client's words of one that only is not there say no more.
func why(err error) string {
	if client.IsErrConnectionFailed(err) && strings.Contains(err.Error(), "Is the docker daemon running") {
		return ""
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	return ": " + err.Error()
}

// silent is an engine that does not answer what it is asked.
func (e engine) silent(format string, args ...any) error {
	return staging.Errorf(staging.CodeUnreachable, "see whether it runs: docker -H "+e.host+" version", "the Docker engine at %s does not answer ("+format+")", slices.Concat([]any{e.host}, args)...)
}

// unanswered is whether an error is of the way to the engine, not its answer.
func unanswered(err error) bool {
	var network net.Error
	return client.IsErrConnectionFailed(err) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// call bounds one call to the engine.
func call[T any](ctx context.Context, e engine, d time.Duration, what string, f func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	begin := time.Now()
	v, err := f(bounded)
	if e.log != nil {
		e.log.DebugContext(ctx, "engine", "call", what, "took", time.Since(begin), "error", err)
	}
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return v, e.silent("%s within %s", what, d)
	}
	return v, e.fault(ctx, what, err)
}

// look asks once what this engine and its host are.
func (d *Driver) look() platform.Traits {
	t := platform.Traits{Name: "docker", Grain: platform.GrainWorkload, Images: true, NamesResolve: true, OwnPorts: true, StartsSlowly: true, BuildsApart: true,
		Isolation: "containers of the Docker engine at " + d.host + ", a network of its own for each environment"}
	if d.unfenced != "" {
		t.Lacks = append(t.Lacks, "networks of environments are not fenced, they reach what listens on this host: "+d.unfenced)
	}
	info, err := d.info(context.Background())
	if err != nil {
		return t // what it lacks is not known; it may answer later
	}
	t.Lacks = append(t.Lacks, "memory and processors of one build cannot be limited: the engine runs all builds in one group")
	d.processors = info.NCPU
	if d.unfenced != "" { // where no engine is nobody needs to know
		d.log.Warn("networks of environments are not fenced", "reason", d.unfenced)
	}
	t.Lacks = append(t.Lacks, lacks(info)...)
	return t
}

func (e engine) info(ctx context.Context) (system.Info, error) {
	r, err := call(ctx, e, 2*time.Second, "say what it is", func(ctx context.Context) (client.SystemInfoResult, error) {
		return e.client.Info(ctx, client.InfoOptions{})
	})
	return r.Info, err
}

// lacks is what an engine cannot do, for people.
func lacks(info system.Info) []string {
	var list []string
	for _, limit := range []struct {
		there bool
		what  string
	}{{info.MemoryLimit, "memory"}, {info.CPUCfsQuota, "processors"}, {info.PidsLimit, "processes"}} {
		if !limit.there {
			list = append(list, "the engine cannot limit "+limit.what)
		}
	}
	return list
}

// Examine asks an engine, by the rules of Config.Host, what it is and what it
// cannot do.
func Examine(ctx context.Context, host string) (what string, cannot []string, err error) {
	e, err := dial(host)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = e.client.Close() }()
	info, err := e.info(ctx)
	if err == nil {
		err = e.fits(ctx, info)
	}
	return info.ServerVersion + " at " + e.host, lacks(info), err
}
