package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// steadyFor is how long a service without a port must stay up to count as
// started, steadyAgain the same for one that has crashed already. One that
// crashes later makes the environment degraded.
const (
	steadyFor   = 200 * time.Millisecond
	steadyAgain = 2 * time.Second
)

// healthy blocks until a service shows that it can serve: by an HTTP path, by
// its own command, by an open port, or by staying up. It answers where the
// service listens, as far as that was looked at.
func (a *actor) healthy(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service, op plan.Op) (listens []string, err error) {
	h := s.Health
	switch {
	case byItsTest(h):
		return nil, a.tested(ctx, v, dep, s, op)
	case h.Disabled && h.Path == "":
		return nil, a.steady(ctx, op)
	case len(s.Ports) == 0:
		if err := a.steady(ctx, op); err != nil {
			return nil, err
		}
		return nil, a.exposed(ctx, dep, s, op)
	}
	at, err := a.address(ctx, a.portName(dep, s, op.Instance, s.Ports[0].Target))
	if err != nil {
		return nil, err
	}
	target := net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	host := staging.Hostname(a.Site.PrimaryURL(v.project, v.Environment))
	err = datastore.Poll(ctx, func(ctx context.Context) (err error) {
		if h.Path != "" {
			err = askHTTP(ctx, target, host, h.Path)
		} else {
			err = askPort(ctx, target)
		}
		if err == nil {
			listens, err = a.itself(ctx, op, at.Port)
		}
		return err
	})
	return listens, err
}

// byItsTest is whether a service's own check says whether it can serve.
func byItsTest(h staging.Health) bool { return !h.Test.Empty() && h.Path == "" && !h.Disabled }

// steady blocks until a service has run for a while without a crash, or has done
// what it was to do.
func (a *actor) steady(ctx context.Context, op plan.Op) error {
	ref := platform.Ref{Kind: op.Kind, Name: op.Resource, Owner: a.id}
	seen, err := a.Platform.Observe(ctx, ref)
	for err == nil && ctx.Err() == nil {
		if seen.Run == staging.RunDone {
			return nil
		}
		long := steadyFor
		if seen.Restarts > 0 {
			long = steadyAgain
		}
		waited, cancel := context.WithTimeout(ctx, long)
		var now staging.Observation
		now, err = a.Platform.Wait(waited, ref, seen)
		rested := waited.Err() != nil
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			now, err = a.Platform.Observe(ctx, ref)
		}
		if err == nil && rested && now.Run == staging.RunRunning && now.Restarts == seen.Restarts {
			return nil
		}
		seen = now
	}
	return errors.Join(err, ctx.Err())
}

const (
	// firstTest and lastTest are the shortest and longest pause between two tries
	// of a service's own check that names no interval, testLimit how long one may
	// take that names no timeout.
	firstTest = 50 * time.Millisecond
	lastTest  = time.Second
	testLimit = 30 * time.Second
)

// tested blocks until the service's own check succeeds inside its sandbox.
func (a *actor) tested(ctx context.Context, v *view, dep *staging.Deployment, s staging.Service, op plan.Op) error {
	attacher, ok := a.Platform.(platform.Attacher)
	if !ok {
		return a.steady(ctx, op)
	}
	spec, err := a.workload(ctx, v, dep, op)
	if err != nil {
		return err
	}
	command := s.Health.Test.ExpandLate(func(name string) string { return spec.Env[name] })
	longest := cmp.Or(s.Health.Interval, lastTest)
	pause := min(firstTest, longest)
	for {
		said := a.try(ctx, attacher, op, command, spec.Env, cmp.Or(s.Health.Try, testLimit))
		if said == nil {
			return nil
		}
		if ctx.Err() == nil || err == nil { // one that was cut off says less than those before
			err = said
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("its check says: %w", err)
		}
		pause = min(2*pause, longest)
	}
}

// try runs a check once.
func (a *actor) try(ctx context.Context, attacher platform.Attacher, op plan.Op, command staging.Command, env map[string]string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out lastLine
	code, err := attacher.Exec(ctx, platform.Exec{In: op.Resource, Owner: a.id, Command: command, Env: env, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out})
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d %s", code, out.text())
	}
	return err
}

// lastLine keeps the end of what is written to it.
type lastLine struct {
	mu   sync.Mutex
	kept []byte
}

const maxLine = 500

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if n := len(l.kept); n > maxLine {
		l.kept = append([]byte{}, l.kept[n-maxLine:]...)
	}
	return len(p), nil
}

func (l *lastLine) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(l.kept), "\uFFFD"))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func askPort(ctx context.Context, target string) error {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	return c.Close()
}

func askHTTP(ctx context.Context, target, host, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+target+path, nil)
	if err != nil {
		return err
	}
	r.Host = host
	r.Header.Set("User-Agent", "offshoot-health")
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 400 {
		return fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return nil
}
