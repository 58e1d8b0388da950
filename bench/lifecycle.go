package main

import (
	"context"
	"fmt"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// dataMB is how much the environments of the lifecycle hold.
const dataMB = 100

// lifecycle measures create, redeploy, wake and destroy of a small Go
// application, and the same by hand, in turns.
func lifecycle(ctx context.Context, h *host, r *report) error {
	repo, err := h.repository(ctx, "shop", func(s string) string { return strings.ReplaceAll(s, "${FILL_MB:-100}", fmt.Sprint(dataMB)) })
	if err != nil {
		return err
	}
	for i := range h.runs + 1 {
		if err := branch(ctx, repo, fmt.Sprintf("feature/n%d", i)); err != nil {
			return err
		}
	}
	p, err := newPeer(h, repo)
	if err != nil {
		return err
	}
	if _, err := p.round(ctx, "main"); err != nil { // makes the dump
		return err
	}
	s, err := h.serve()
	if err != nil {
		return err
	}
	if _, err := s.AddProject(ctx, wire.AddProject{Name: "shop", Repo: repo}); err != nil {
		return err
	}
	shared, _, err := s.create(ctx, "shop", "main")
	if err != nil {
		return err
	}
	var t times
	for i := range h.runs + 1 {
		name := fmt.Sprintf("feature/n%d", i)
		m, err := p.round(ctx, name)
		if err != nil {
			return err
		}
		if err := t.ours(ctx, s, name, m); err != nil {
			return err
		}
		if i == 0 { // not counted: it takes the first snapshot
			t = times{}
		}
	}
	t.write(r)
	if _, err := s.destroy(ctx, shared); err != nil {
		return err
	}
	return s.stop()
}

// times are milliseconds of each round.
type times struct {
	create, createOver, byHand   []float64
	build, buildByHand           []float64
	redeploy, redeployOver, mark []float64
	wake, wakeOver, bare, boot   []float64
	destroy                      []float64
}

func (t *times) ours(ctx context.Context, s *server, branch string, m manual) error {
	v, took, err := s.create(ctx, "shop", branch)
	if err != nil {
		return err
	}
	t.byHand = append(t.byHand, m.total())
	t.create = append(t.create, ms(took))
	t.createOver = append(t.createOver, ms(took)-m.build-m.migrate-m.boot)
	t.build, t.buildByHand = append(t.build, step(v, staging.StepBuild)), append(t.buildByHand, m.build)
	if took, err = s.act(ctx, v.ID, "deploy", wire.Deploy{Force: true}, succeeded); err != nil {
		return err
	}
	if v, err = s.Environment(ctx, v.ID); err != nil {
		return err
	}
	mark := float64(v.Deployment.MarkMS)
	t.redeploy, t.mark = append(t.redeploy, ms(took)), append(t.mark, mark)
	t.redeployOver = append(t.redeployOver, ms(took)-m.migrate-m.boot-mark)
	if _, err := s.act(ctx, v.ID, "sleep", nil, phase(staging.PhaseAsleep)); err != nil {
		return err
	}
	if took, err = s.get(ctx, v, "/up"); err != nil {
		return err
	}
	t.wake, t.wakeOver = append(t.wake, ms(took)), append(t.wakeOver, ms(took)-m.boot)
	t.bare, t.boot = append(t.bare, m.again), append(t.boot, m.boot)
	if _, err := s.until(ctx, v, nil, phase(staging.PhaseReady)); err != nil {
		return err
	}
	took, err = s.destroy(ctx, v)
	t.destroy = append(t.destroy, ms(took))
	return err
}

func step(v wire.Environment, name staging.StepName) float64 {
	for _, s := range v.Deployment.Steps {
		if s.Name == string(name) {
			return float64(s.DurationMS)
		}
	}
	return 0
}

func (t *times) write(r *report) {
	r.add("create: all", "ms", t.create).against("by hand", t.byHand)
	r.add("create: beyond the app's build, release, boot", "ms", t.createOver).under(250)
	r.add("create: build step", "ms", t.build).against("go build by hand", t.buildByHand)
	r.add("redeploy of a built tree: all", "ms", t.redeploy)
	r.add("redeploy: beyond the app's release, boot and the mark", "ms", t.redeployOver).under(100)
	r.add("redeploy: its mark", "ms", t.mark).under(100)
	r.add("first request to a sleeping environment: all", "ms", t.wake).against("the app's boot alone", t.boot)
	r.add("first request: beyond the app's boot", "ms", t.wakeOver).under(max(60, median(t.bare)+20)).against("postgres alone, bare start", t.bare)
	r.add("destroy until verified", "ms", t.destroy).under(150)
}
