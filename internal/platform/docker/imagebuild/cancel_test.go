package imagebuild_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// sleeper is a build whose step says up and then sleeps for seconds, by which
// its process is found.
func (h *host) sleeper() (spec staging.BuildSpec, seconds string) {
	h.Helper()
	seconds = fmt.Sprintf("%d", 70_000_000+time.Now().UnixNano()%9_000_000)
	return h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo up; sleep " + seconds + "\n"}, staging.ImageBuild{}), seconds
}

// sleeps is whether a process of this host sleeps for seconds.
func sleeps(t *testing.T, seconds string) bool {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if text, _ := os.ReadFile(f); string(text) == "sleep\x00"+seconds+"\x00" {
			return true
		}
	}
	return false
}

// whenUp is a progress that calls f once the step is there.
func whenUp(f func()) func(imagebuild.Line) {
	return func(l imagebuild.Line) {
		if strings.HasSuffix(l.Text, " up") {
			f()
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for every := time.Tick(20 * time.Millisecond); !is(); {
		select {
		case <-every:
		case <-deadline:
			t.Fatal("not within 20 s: " + what)
		}
	}
}

func TestACancelledBuildIsGoneWhenItReturns(t *testing.T) {
	h := newHost(t)
	spec, seconds := h.sleeper()
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	seen := false
	_, err := h.Build(ctx, spec, imagebuild.Options{Progress: whenUp(func() {
		eventually(t, "its process is there", func() bool { return sleeps(t, seconds) })
		seen = true
		cancel()
	})})
	if !errors.Is(err, context.Canceled) || !seen {
		t.Errorf("it ended with %v", err)
	}
	if sleeps(t, seconds) {
		t.Error("its process goes on")
	}
	h.built(h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}, staging.ImageBuild{}))
}

func TestABuildThatTakesTooLong(t *testing.T) {
	h := newHost(t)
	spec, seconds := h.sleeper()
	spec.Timeout = 2 * time.Second
	h.fails(spec, staging.ClassTimeout, "longer than 2s")
	if sleeps(t, seconds) {
		t.Error("its process goes on")
	}
	if n := len(h.images(h.ctx)); n != 0 {
		t.Errorf("%d images are left", n)
	}
}

func TestABuildOfTwoEndsWithTheSecond(t *testing.T) {
	h := newHost(t)
	spec, seconds := h.sleeper()
	one, cancelOne := context.WithCancel(h.ctx)
	two, cancelTwo := context.WithCancel(h.ctx)
	defer cancelOne()
	defer cancelTwo()
	up := make(chan struct{}, 2)
	ended := map[string]chan error{"one": make(chan error, 1), "two": make(chan error, 1)}
	for name, ctx := range map[string]context.Context{"one": one, "two": two} {
		go func() {
			_, err := h.Build(ctx, spec, imagebuild.Options{Progress: whenUp(func() { up <- struct{}{} })})
			ended[name] <- err
		}()
	}
	<-up
	<-up
	cancelOne()
	if err := <-ended["one"]; !errors.Is(err, context.Canceled) {
		t.Errorf("the first ended with %v", err)
	}
	eventually(t, "the build goes on for the second", func() bool { return sleeps(t, seconds) })
	cancelTwo()
	if err := <-ended["two"]; !errors.Is(err, context.Canceled) {
		t.Errorf("the second ended with %v", err)
	}
	if sleeps(t, seconds) {
		t.Error("its process goes on when nobody waits any more")
	}
}
