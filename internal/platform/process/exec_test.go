//go:build linux

package process_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// screen is what a terminal shows, and tells when something appeared.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	waits map[string]chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	for text, told := range s.waits {
		if strings.Contains(s.text.String(), text) {
			close(told)
			delete(s.waits, text)
		}
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) shows(text string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := make(chan struct{})
	if strings.Contains(s.text.String(), text) {
		close(told)
		return told
	}
	if s.waits == nil {
		s.waits = map[string]chan struct{}{}
	}
	s.waits[text] = told
	return told
}

func TestATerminal(t *testing.T) {
	h := newHost(t)
	r := workload("stay", `echo up; while :; do sleep 60; done`)
	h.apply(r)
	h.says(r, "up")
	keys, typed := io.Pipe()
	resize := make(chan platform.TerminalSize)
	shown := &screen{}
	type end struct {
		code int
		err  error
	}
	done := make(chan end, 1)
	go func() {
		code, err := h.Exec(h.ctx, platform.Exec{In: r.Name, Owner: "env_a", TTY: true, Size: platform.TerminalSize{Rows: 30, Cols: 90}, Resize: resize,
			Stdin: keys, Stdout: shown, Command: staging.Command{Shell: `PS1=; exec sh -i`}, Env: map[string]string{"TERM": "xterm", mark: "1"}})
		done <- end{code, err}
	}()
	step := func(keys, want string) {
		t.Helper()
		if _, err := io.WriteString(typed, keys); err != nil {
			t.Fatal(err)
		}
		select {
		case <-shown.shows(want):
		case <-h.ctx.Done():
			t.Fatalf("%q never shows:\n%s", want, shown.String())
		}
	}
	step("stty size; echo si\"\"zed\n", "sized")
	if !strings.Contains(shown.String(), "30 90") {
		t.Errorf("the size is not 30 90:\n%s", shown.String())
	}
	step("tty; echo na\"\"med\n", "named")
	if !strings.Contains(shown.String(), "/dev/pts/") {
		t.Errorf("the terminal has no name:\n%s", shown.String())
	}
	resize <- platform.TerminalSize{Rows: 40, Cols: 120}
	step("while [ \"$(stty size)\" != '40 120' ]; do sleep 0.05; done; echo again\"\"sized\n", "againsized")
	step("sh -c 'echo sle\"\"eping; exec sleep 600'; echo interr\"\"upted\n", "sleeping")
	step("\x03echo fr\"\"ee\n", "free")
	step("exit 7\n", "exit 7")
	if e := <-done; e.code != 7 || e.err != nil {
		t.Errorf("exit code %d, %v", e.code, e.err)
	}
	if o := h.until(r, func(o staging.Observation) bool { return true }); o.Run != staging.RunRunning {
		t.Errorf("%+v", o)
	}
}

func TestAHangUpEndsAllDescendants(t *testing.T) {
	h := newHost(t)
	r := workload("stay", `echo up; exec sleep 600`) // one process, however soon it is counted
	h.apply(r)
	h.says(r, "up")
	before := len(processesOf(t))
	ctx, cancel := context.WithCancel(h.ctx)
	shown := &screen{}
	go func() {
		<-shown.shows("up")
		cancel()
	}()
	_, err := h.Exec(ctx, platform.Exec{In: r.Name, Owner: "env_a", TTY: true, Stdin: strings.NewReader(""), Stdout: shown, Env: map[string]string{mark: "1"},
		Command: staging.Command{Shell: `trap '' HUP TERM INT; (setsid sh -c "trap '' HUP TERM; echo up; while :; do sleep 60; done" &); while :; do sleep 60; done`}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left := processesOf(t); len(left) > before {
		t.Errorf("%d processes were there, now %v", before, left)
	}
}

func TestAMissingCommandIsSaid(t *testing.T) {
	h := newHost(t)
	r := workload("stay", `echo up; while :; do sleep 60; done`)
	h.apply(r)
	h.says(r, "up")
	var errs bytes.Buffer
	code, err := h.Exec(h.ctx, platform.Exec{In: r.Name, Owner: "env_a", Stderr: &errs, Command: staging.Command{Args: []string{"no-such-program"}}})
	if code != 127 || err != nil || !strings.Contains(errs.String(), "no-such-program") {
		t.Errorf("%d, %v, %q", code, err, errs.String())
	}
}
