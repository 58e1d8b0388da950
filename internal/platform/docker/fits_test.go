package docker_test

import (
	"strings"
	"testing"

	"offshoot/internal/platform/docker"
)

// TestAnEngineOfAnotherKindIsRefused holds before anything is made there.
func TestAnEngineOfAnotherKindIsRefused(t *testing.T) {
	for kind, want := range map[mode]string{otherKind: "is Podman 4.3.1: it has no BuildKit", rootless: "runs without root"} {
		p := newProxy(t, engine(t))
		p.set(kind)
		w := newWorld(t, docker.Config{Host: p.host()})
		_, applied := w.Apply(w.ctx, w.scope())
		_, _, examined := docker.Examine(w.ctx, p.host())
		for asked, err := range map[string]error{"answers": docker.Answers(w.ctx, p.host()), "the driver answers": w.Answers(w.ctx), "a scope": applied, "doctor": examined} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, not %q", asked, err, want)
			}
		}
		p.set(passes)
		if list, err := w.List(w.ctx, ""); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	}
}
