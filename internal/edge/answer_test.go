package edge

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/staging"
)

// TestPages looks at what people see where nothing serves: said once, in whole
// sentences, with what is to be typed told from what is said. The pages go to
// the folder OFFSHOOT_TEST_PICTURES.
func TestPages(t *testing.T) {
	failure := &staging.Failure{Class: staging.ClassMigration, Step: staging.StepRelease, Message: `the release task ended with 1: column "delivery_on" already exists`,
		Hint: "mend the release task, and push; `offshoot logs checkout --step release` has all of it", LogTail: []string{"-- migrating 20261120_add_delivery", strings.Repeat("a very long line of a log ", 12), "migration failed"}}
	of := func(phase staging.Phase, f *staging.Failure) answer {
		return nothing(&generation{Route: Route{Environment: "env_7", Phase: phase, Failure: f}})
	}
	r := httptest.NewRequest(http.MethodGet, "http://a-very-long-name-of-a-branch-of-forty-ch.shop.localhost:8080/", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	unknownPage := httptest.NewRecorder()
	unknown(unknownPage, r)
	pages := map[string]string{"unknown": unknownPage.Body.String()}
	for name, a := range map[string]answer{"queued": of(staging.PhaseQueued, nil), "deploying": of(staging.PhaseDeploying, nil), "failed": of(staging.PhaseFailed, failure), "degraded": of(staging.PhaseDegraded, nil),
		"waking": waking("env_7"), "asleep": asleep("env_7", failure), "crowded": crowded("env_7"), "restarting": restarting("env_7")} {
		w := httptest.NewRecorder()
		a.write(w, r)
		pages[name] = w.Body.String()
	}
	for name, page := range pages {
		if dir := os.Getenv("OFFSHOOT_TEST_PICTURES"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(page, "`") {
			t.Errorf("%s: a backquote in\n%s", name, page)
		}
		_, body, _ := strings.Cut(page, "<h1>")
		title, body, _ := strings.Cut(body, "</h1>")
		if strings.Contains(strings.ToLower(body), strings.ToLower(title)) {
			t.Errorf("%s: says twice %q", name, title)
		}
	}
	for name, want := range map[string]string{"unknown": "<code>offshoot ls</code>", "failed": "The release task ended", "degraded": "<code>offshoot show env_7</code>"} {
		if !strings.Contains(pages[name], want) {
			t.Errorf("%s: no %s in\n%s", name, want, pages[name])
		}
	}
}
