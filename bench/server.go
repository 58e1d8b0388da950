package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// server is a running one, and the way to ask it.
type server struct {
	cmd  *exec.Cmd
	data string
	edge string
	*apiclient.Client
	// began is from the start of the process to its ready line.
	began time.Duration
}

// serve starts a server with its data on the pool.
func (h *host) serve(flags ...string) (*server, error) {
	s := &server{data: filepath.Join(h.dir, "data"), Client: &apiclient.Client{HTTP: &http.Client{}}}
	s.cmd = exec.Command(h.binary, append([]string{"server", "--data-dir", s.data, "--listen", "127.0.0.1:0", "--edge-listen", "127.0.0.1:0"}, flags...)...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s.began = time.Since(begin)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server said nothing: %w", err), s.cmd.Wait())
	}
	for _, field := range strings.Fields(line) {
		if v, ok := strings.CutPrefix(field, "api="); ok {
			s.Base = v
		}
		if v, ok := strings.CutPrefix(field, "edge="); ok {
			s.edge = v
		}
	}
	token, err := os.ReadFile(filepath.Join(s.data, "admin-token"))
	s.Token = strings.TrimSpace(string(token))
	h.server = s
	return s, err
}

func (s *server) stop() error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	return errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait())
}

// until follows an environment by its events until it is as wanted.
func (s *server) until(ctx context.Context, v wire.Environment, err error, enough func(wire.Environment) bool) (wire.Environment, error) {
	var after int64
	for err == nil && !enough(v) {
		if v.Deployment != nil && v.Deployment.Outcome == string(staging.OutcomeFailed) {
			return v, fmt.Errorf("%s: %s\n%s", v.Branch, v.Failure.Message, strings.Join(v.Failure.LogTail, "\n"))
		}
		var events wire.List[staging.Event]
		if events, err = s.Events(ctx, apiclient.EventFilter{After: after, Environment: v.ID}, 20*time.Second); err == nil {
			if n := len(events.Items); n > 0 {
				after = events.Items[n-1].Seq
			}
			v, err = s.Environment(ctx, v.ID)
		}
	}
	return v, err
}

func succeeded(v wire.Environment) bool {
	return v.Deployment != nil && v.Deployment.Outcome == string(staging.OutcomeSucceeded)
}

func phase(p staging.Phase) func(wire.Environment) bool {
	return func(v wire.Environment) bool { return v.Phase == string(p) }
}

// create makes an environment and waits until it serves.
func (s *server) create(ctx context.Context, project, branch string) (wire.Environment, time.Duration, error) {
	begin := time.Now()
	v, err := s.Create(ctx, project, wire.CreateEnvironment{Branch: branch})
	v, err = s.until(ctx, v, err, succeeded)
	return v, time.Since(begin), err
}

// act does something to an environment and waits until that is done.
func (s *server) act(ctx context.Context, id, action string, body any, enough func(wire.Environment) bool) (time.Duration, error) {
	begin := time.Now()
	v, err := s.Act(ctx, id, action, body)
	_, err = s.until(ctx, v, err, enough)
	return time.Since(begin), err
}

func (s *server) destroy(ctx context.Context, v wire.Environment) (time.Duration, error) {
	begin := time.Now()
	gone, err := s.Destroy(ctx, v.ID, v.Project)
	_, err = s.until(ctx, gone, err, phase(staging.PhaseDestroyed))
	return time.Since(begin), err
}

// get asks an environment through the edge; anything but 200 is an error.
func (s *server) get(ctx context.Context, v wire.Environment, path string) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.edge+path, nil)
	if err != nil {
		return 0, err
	}
	r.Host = staging.Hostname(v.URL)
	begin := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s%s answers %s", r.Host, path, resp.Status)
	}
	return took, errors.Join(err, resp.Body.Close())
}
