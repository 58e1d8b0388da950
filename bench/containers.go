package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// crowd is how many environments are on one engine.
const crowd = 100

// onEngine runs do on a server whose project runs on an engine, where there is one.
func onEngine(ctx context.Context, h *host, name string, do func(*server, *byEngine) error) error {
	e, lacks := findEngine(ctx)
	if lacks != "" {
		h.say("skipped: %s: %s", name, lacks)
		return nil
	}
	repo, err := h.imageRepository(ctx, name)
	if err != nil {
		return err
	}
	s, err := h.serve("--platform", "docker", "--sleep", "never", "--upkeep-every", "100ms")
	if err != nil {
		return err
	}
	if _, err := s.AddProject(ctx, wire.AddProject{Name: name, Repo: repo}); err != nil {
		return err
	}
	shared, _, err := s.create(ctx, name, "main")
	if err != nil {
		return err
	}
	if err := do(s, e); err != nil {
		return err
	}
	if _, err := s.destroy(ctx, shared); err != nil {
		return err
	}
	return s.stop()
}

// containers measures the life of an environment of three containers, web, Postgres
// and Redis, beside bare calls to the engine.
func containers(ctx context.Context, h *host, r *report) error {
	return onEngine(ctx, h, "images", func(s *server, e *byEngine) error { return rounds(ctx, h, s, e, r) })
}

// crowded measures what a hundred of them cost that sleep.
func crowded(ctx context.Context, h *host, r *report) error {
	return onEngine(ctx, h, "crowd", func(s *server, e *byEngine) error { return asleep(ctx, h, s, e, r) })
}

func rounds(ctx context.Context, h *host, s *server, e *byEngine, r *report) error {
	var t contained
	for i := range h.runs + 1 {
		m, err := e.round(ctx)
		if err != nil {
			return err
		}
		if err := t.round(ctx, s, fmt.Sprintf("feature/c%d", i), m); err != nil {
			return err
		}
		if i == 0 { // not counted: it takes the first snapshot
			t = contained{}
		}
	}
	t.write(r)
	return nil
}

// contained are milliseconds of each round.
type contained struct {
	create, createOver, byHand []float64
	redeploy, redeployByHand   []float64
	light, unpause             []float64
	deep                       []float64
	destroy, down              []float64
}

func (t *contained) round(ctx context.Context, s *server, branch string, m byHand) error {
	v, took, err := s.create(ctx, "images", branch)
	if err != nil {
		return err
	}
	t.create, t.byHand = append(t.create, ms(took)), append(t.byHand, m.up)
	t.createOver = append(t.createOver, ms(took)-step(v, staging.StepBuild)-m.boot)
	if took, err = s.act(ctx, v.ID, "deploy", wire.Deploy{Force: true}, succeeded); err != nil {
		return err
	}
	t.redeploy, t.redeployByHand = append(t.redeploy, ms(took)), append(t.redeployByHand, m.redeploy)
	// Idle for its time it is paused.
	if _, err := s.until(ctx, v, nil, phase(staging.PhaseAsleep)); err != nil {
		return err
	}
	if took, err = s.get(ctx, v, "/health"); err != nil {
		return err
	}
	t.light, t.unpause = append(t.light, ms(took)), append(t.unpause, m.unpause)
	if _, err := s.until(ctx, v, nil, phase(staging.PhaseReady)); err != nil {
		return err
	}
	// Whom a person lets sleep nothing is left of.
	if _, err := s.act(ctx, v.ID, "sleep", nil, phase(staging.PhaseAsleep)); err != nil {
		return err
	}
	if took, err = s.get(ctx, v, "/health"); err != nil {
		return err
	}
	t.deep = append(t.deep, ms(took))
	if _, err := s.until(ctx, v, nil, phase(staging.PhaseReady)); err != nil {
		return err
	}
	took, err = s.destroy(ctx, v)
	t.destroy, t.down = append(t.destroy, ms(took)), append(t.down, m.down)
	return err
}

func (t *contained) write(r *report) {
	const by = "the engine's API by hand"
	r.add("containers: create, all", "ms", t.create).against(by+", an empty database", t.byHand)
	r.add("containers: create, beyond build and boot", "ms", t.createOver).under(600)
	r.add("containers: redeploy of a built image, all", "ms", t.redeploy).under(300).against(by, t.redeployByHand)
	r.add("containers: wake from pause to the answer", "ms", t.light).under(60).against(by, t.unpause)
	r.add("containers: wake from deep sleep to the answer", "ms", t.deep)
	r.add("containers: destroy until verified", "ms", t.destroy).under(1000).against(by+", not verified", t.down)
}

// asleep measures a server with a crowd that sleeps.
func asleep(ctx context.Context, h *host, s *server, e *byEngine, r *report) error {
	if err := fill(ctx, h, s, "crowd", crowd); err != nil {
		return err
	}
	list, err := s.Environments(ctx, "crowd", false)
	if err != nil {
		return err
	}
	left := 0
	for _, v := range list.Items {
		if v.Phase != string(staging.PhaseAsleep) {
			continue
		}
		n, err := e.running(ctx, v.ID)
		if err != nil {
			return err
		}
		left += n
	}
	memory, err := kilobytes(s.cmd.Process.Pid, "status", "VmRSS:")
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("containers: server with %d asleep: resident memory", crowd), "MB", []float64{memory / 1024}).under(150)
	r.add(fmt.Sprintf("containers: of %d asleep", crowd), "containers", []float64{float64(left)}).under(1)
	for _, v := range list.Items {
		if v.Kind == string(staging.KindShared) {
			continue
		}
		if _, err := s.destroy(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// imageRepository makes one whose web service is built, with a change in each
// branch.
func (h *host) imageRepository(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(h.dir, name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("bench", "testdata", "images"))); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-qm", "images"}} {
		if err := git(ctx, dir, args...); err != nil {
			return "", err
		}
	}
	for i := range h.runs + 1 {
		name := fmt.Sprintf("feature/c%d", i)
		if err := git(ctx, dir, "checkout", "-q", "-b", name, "main"); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, "change"), []byte(name), 0o644); err != nil {
			return "", err
		}
		if err := git(ctx, dir, "commit", "-qam", "change of "+name); err != nil {
			return "", err
		}
	}
	for i := range crowd {
		if err := git(ctx, dir, "branch", fmt.Sprintf("feature/s%d", i), "main"); err != nil {
			return "", err
		}
	}
	return dir, git(ctx, dir, "checkout", "-q", "main")
}
