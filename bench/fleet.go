package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

const (
	sleepers = 200
	// awake is how many run while it is measured what one costs: they share the
	// pages of the shim's program.
	awake = 4
	// idleFor is how long an idle server is watched.
	idleFor = 20 * time.Second
	// restFor is how long it may finish what its last work left to do.
	restFor = 10 * time.Second
	// abreast is how many environments are made at a time.
	abreast = 4
	// clockTick is the unit of times in /proc/PID/stat, in milliseconds.
	clockTick = 10
)

// fleet measures what many environments cost: the server with 200 that sleep,
// its start, and what of ours runs for one that is awake.
func fleet(ctx context.Context, h *host, r *report) error {
	repo, err := h.repository(ctx, "fleet", func(s string) string {
		s = strings.ReplaceAll(s, "${FILL_MB:-100}", "1")
		var more strings.Builder
		for i := range 3 { // four services in all
			fmt.Fprintf(&more, "  extra%d:\n    build: .\n    command: ./bin/app web\n    depends_on: [db, redis]\n    ports: [\"300%d\"]\n    environment:\n"+
				"      DATABASE_URL: postgres://app:app@db:5432/app?sslmode=disable\n      REDIS_URL: redis://redis:6379/0\n", i, i+1)
		}
		return strings.Replace(s, "  db:\n", more.String()+"  db:\n", 1)
	})
	if err != nil {
		return err
	}
	for i := range sleepers {
		if err := git(ctx, repo, "branch", fmt.Sprintf("feature/s%d", i)); err != nil {
			return err
		}
	}
	s, err := h.serve()
	if err != nil {
		return err
	}
	if _, err := s.AddProject(ctx, wire.AddProject{Name: "fleet", Repo: repo}); err != nil {
		return err
	}
	shared, _, err := s.create(ctx, "fleet", "main")
	if err != nil {
		return err
	}
	for i := range awake - 1 {
		if _, _, err := s.create(ctx, "fleet", fmt.Sprintf("feature/s%d", i)); err != nil {
			return err
		}
	}
	total, err := ours(s.cmd.Process.Pid, h.binary)
	if err != nil {
		return err
	}
	r.add("of ours for an awake environment: four services, two data servers", "MB", []float64{total / awake}).under(8)
	if _, err := s.act(ctx, shared.ID, "sleep", nil, phase(staging.PhaseAsleep)); err != nil {
		return err
	}
	if err := fill(ctx, h, s, "fleet", sleepers); err != nil {
		return err
	}
	if err := idle(ctx, s, r); err != nil {
		return err
	}
	var starts []float64
	for range h.runs {
		if err := s.stop(); err != nil {
			return err
		}
		if s, err = h.serve(); err != nil {
			return err
		}
		starts = append(starts, ms(s.began))
	}
	r.add(fmt.Sprintf("server start with %d environments", sleepers), "ms", starts).under(300)
	return clear(ctx, s)
}

// fill makes so many that sleep, some at a time.
func fill(ctx context.Context, h *host, s *server, project string, count int) error {
	var all sync.WaitGroup
	work, failed := make(chan string), make(chan error, count)
	for range abreast {
		all.Go(func() {
			for name := range work {
				v, _, err := s.create(ctx, project, name)
				if err == nil {
					_, err = s.act(ctx, v.ID, "sleep", nil, phase(staging.PhaseAsleep))
				}
				if err != nil {
					failed <- fmt.Errorf("%s: %w", name, err)
				}
			}
		})
	}
	for i := range count {
		if i%50 == 0 {
			h.say("  %d of %d environments", i, count)
		}
		work <- fmt.Sprintf("feature/s%d", i)
	}
	close(work)
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func idle(ctx context.Context, s *server, r *report) error {
	pid := s.cmd.Process.Pid
	select {
	case <-time.After(restFor): // what comes after the last create, once
	case <-ctx.Done():
		return ctx.Err()
	}
	before, err := ticks(pid)
	if err != nil {
		return err
	}
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := ticks(pid)
	if err != nil {
		return err
	}
	memory, err := kilobytes(pid, "status", "VmRSS:")
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("idle server with %d asleep: resident memory", sleepers), "MB", []float64{memory / 1024}).under(80)
	r.add(fmt.Sprintf("idle server with %d asleep: CPU", sleepers), "ms/s", []float64{float64(after-before) * clockTick / idleFor.Seconds()}).under(5)
	return nil
}

func clear(ctx context.Context, s *server) error {
	list, err := s.Environments(ctx, "fleet", false)
	if err != nil {
		return err
	}
	for _, v := range list.Items {
		if _, err := s.destroy(ctx, v); err != nil {
			return err
		}
	}
	return s.stop()
}

// ours is the memory, in megabytes and shared pages counted by share, of the
// program's processes other than the server.
func ours(server int, binary string) (float64, error) {
	entries, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, path := range entries {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		exe, err := os.Readlink(path)
		if err != nil || pid == server || pid == os.Getpid() {
			continue // gone, or not to be looked at
		}
		if exe != binary && !strings.HasPrefix(exe, "/memfd:") {
			continue
		}
		k, err := kilobytes(pid, "smaps_rollup", "Pss:")
		if err != nil {
			continue // ended meanwhile
		}
		total += k / 1024
	}
	return total, nil
}

func kilobytes(pid int, file, key string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("no %s of process %d", key, pid)
}

// ticks is the processor time that a process has used.
func ticks(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return user + system, err
}
