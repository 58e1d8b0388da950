package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"offshoot/internal/api"
	"offshoot/internal/auth"
	"offshoot/internal/componenttest"
	"offshoot/internal/staging"
	"offshoot/internal/web"
	"offshoot/internal/wire"
)

const token = "offshoot_test"

// views is a service that knows some environments of every phase.
type views struct {
	api.Views
	mu    sync.Mutex
	items []wire.Environment
	woken chan struct{}
	// evil is what a stranger was asked for.
	evil chan string
}

func (v *views) Environments(_ context.Context, project string, _ bool, _ string, _ int) ([]wire.Environment, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(v.items), func(e wire.Environment) bool { return project != "" && e.Project != project }), nil
}

func (v *views) Environment(_ context.Context, id string) (wire.Environment, error) {
	for _, e := range v.items {
		if e.ID == id {
			return e, nil
		}
	}
	return wire.Environment{}, staging.NotFound("", "there is no environment %q", id)
}

func (v *views) Deployments(ctx context.Context, id string, _ int) ([]wire.Deployment, error) {
	e, err := v.Environment(ctx, id)
	if err != nil || e.Deployment == nil {
		return nil, err
	}
	return []wire.Deployment{*e.Deployment, {ID: "dep_0", Outcome: "succeeded", Cause: "create", Revision: "0123456789abcdef", StartedAt: e.CreatedAt, TotalMS: 412}}, nil
}

// change renames a phase and lets the page know.
func (v *views) change(id, phase string) {
	v.mu.Lock()
	for i := range v.items {
		if v.items[i].ID == id {
			v.items[i].Phase = phase
		}
	}
	v.mu.Unlock()
	v.woken <- struct{}{}
}

func example(now time.Time) []wire.Environment {
	taken, soon := now.Add(-9*time.Hour), now.Add(50*time.Hour)
	commit := "3f2a9c4e1b7d8a6f5c4e3d2b1a0f9e8d7c6b5a49"
	older := "9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a3f2e1d0c"
	base := func(id, project, branch, slug, phase string, minutes int) wire.Environment {
		return wire.Environment{ID: id, Project: project, Branch: branch, Slug: slug, Kind: "branch", Phase: phase, URL: "http://" + slug + "." + project + ".localhost:8080",
			Revision: wire.Revision{Desired: commit, Deployed: &commit, Message: "Show delivery dates on the product page", Author: "Ada Moss", CommittedAt: &taken},
			Size:     "small", Platform: "process", CreatedAt: now.Add(-26 * time.Hour), CreatedBy: "ada", LastActivityAt: now.Add(-time.Duration(minutes) * time.Minute), ExpiresAt: &soon,
			Services: []wire.Service{{Name: "web", State: "running", Replicas: 1}, {Name: "worker", State: "running", Replicas: 1}},
			Data:     []wire.Data{{Name: "db", Kind: "postgres", Strategy: "reflink", SnapshotTakenAt: &taken, SizeBytes: 104857600}, {Name: "redis", Kind: "redis", Strategy: "empty"}}}
	}
	shared := base("env_a", "shop", "main", "main", "ready", 2)
	shared.Kind, shared.Pinned, shared.ExpiresAt = "shared", true, nil
	failed := base("env_c", "shop", "feature/checkout-in-one-step", "checkout-in-one-step", "degraded", 31)
	failed.Revision.Deployed = &older
	code := 1
	failed.Failure = &staging.Failure{Class: staging.ClassMigration, Step: staging.StepRelease, Message: `the release task ended with 1: column "delivery_on" already exists`, ExitCode: &code,
		Hint: "mend the release task, and push; the data is as it was before", LogTail: []string{"-- migrating 20261120_add_delivery", `ERROR:  column "delivery_on" of relation "product" already exists`, "migration failed"},
		Next: []staging.NextCommand{{Command: "offshoot logs feature/checkout-in-one-step --step release", Why: "all that it wrote"}}}
	failed.Deployment = &wire.Deployment{ID: "dep_1", Outcome: "failed", Cause: "push", Revision: commit, StartedAt: now.Add(-31 * time.Minute), TotalMS: 3120, Steps: []wire.Step{
		{Name: "checkout", State: "done", DurationMS: 21}, {Name: "manifest", State: "done", DurationMS: 9}, {Name: "build", State: "done", DurationMS: 1840, Detail: "built from cache: go.mod"},
		{Name: "data", State: "done", DurationMS: 96, Detail: "cloned 100 MB by reflink"}, {Name: "release", State: "failed", DurationMS: 1130}, {Name: "start", State: "skipped"}, {Name: "health", State: "pending"}, {Name: "route", State: "pending"}}}
	failed.Blocked = []wire.Blocked{{Host: "smtp.example.com", Port: 53, Protocol: "dns", Count: 12, FirstAt: taken, LastAt: now}, {Host: "192.0.2.7", Port: 5432, Protocol: "tcp", Count: 1, FirstAt: taken, LastAt: now}}
	failed.Services[1] = wire.Service{Name: "worker", State: "crashing", Replicas: 1, LogTail: []string{"Traceback (most recent call last):", "KeyError: 'QUEUE_'" + strings.Repeat("very_long_", 20)}}
	failed.Data[0].Ahead = &staging.Ahead{Revision: older, Commits: 3}
	asleep := base("env_d", "shop", "fix/typo", "typo", "asleep", 640)
	queued := base("env_e", "billing", "feature/invoices", "invoices", "queued", 0)
	queued.Reason, queued.Revision.Deployed = "place 2: waits for memory", nil
	long := base("env_f", "billing", "feature/"+strings.Repeat("a-very-long-name-", 8), strings.Repeat("x", 40), "deploying", 1)
	return []wire.Environment{queued, long, base("env_b", "shop", "feature/new_cool_page", "new-cool-page", "ready", 4), shared, failed, asleep}
}

// nobody is a memory without tokens.
type nobody struct{}

func (nobody) TokenByHash(context.Context, string) (staging.Token, bool, error) {
	return staging.Token{}, false, nil
}

func (nobody) Token(context.Context, string) (staging.Token, error) {
	return staging.Token{}, staging.NotFound("", "no token")
}

func serve(t *testing.T) (*views, string) {
	now := time.Now()
	v := &views{items: example(now), woken: make(chan struct{}, 8), evil: make(chan string, 64)}
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { v.evil <- r.URL.Path }))
	t.Cleanup(stranger.Close)
	keeper := auth.NewKeeper(token, nobody{}, []byte("key"), time.Now)
	page := web.New(web.Config{Views: v, Mail: box{now, stranger.URL}, Keeper: keeper, Subscribe: func() (<-chan struct{}, func()) { return v.woken, func() {} }, Closing: t.Context(), Version: "1.2.3", Now: time.Now})
	s := httptest.NewServer(api.New(api.Config{Views: v, Keeper: keeper, Page: page, Ready: func() error { return nil }}))
	t.Cleanup(s.CloseClientConnections)
	return v, s.URL
}

// browser starts Chromium, or skips where there is none.
func browser(t *testing.T) context.Context {
	path, err := exec.LookPath("chromium")
	if err != nil {
		componenttest.Missing(t, "chromium", err.Error())
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile(t)),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(2*time.Minute))
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes what it can close in good order
		cancel()
	})
	ctx, late := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(late)
	return ctx
}

// profile is a folder for the browser, whose processes may write to it a little
// longer than the first of them lives.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "offshoot-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := removed(ctx, dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestInABrowser signs in, looks at every page in both schemes and at two
// widths, and sees it follow a change. Pictures go to OFFSHOOT_TEST_PICTURES.
func TestInABrowser(t *testing.T) {
	ctx := browser(t)
	v, base := serve(t)
	var mu sync.Mutex
	var complaints []string
	signedIn := false
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, fmt.Sprint("console: ", e.Type))
		case *log.EventEntryAdded:
			if signedIn { // the answer 401 to a stranger is an entry too
				complaints = append(complaints, e.Entry.Text)
			}
		}
	})
	picture := pictures(t, ctx)
	if err := chromedp.Run(ctx, chromedp.Navigate(base+"/environments/env_c"), chromedp.WaitVisible("#token")); err != nil {
		t.Fatal(err)
	}
	picture("sign-in")
	var said string
	if err := chromedp.Run(ctx, chromedp.SendKeys("#token", "wrong\r"), chromedp.Text(".wrong", &said), chromedp.SendKeys("#token", token+"\r"), chromedp.WaitVisible(".list")); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	signedIn = true
	mu.Unlock()
	if !strings.Contains(said, "valid token") {
		t.Errorf("a wrong token is answered with %q", said)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			name := fmt.Sprintf("%s-%d", scheme, width)
			var list, sheet string
			var over, overSheet int64
			err := chromedp.Run(ctx,
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
				chromedp.EmulateViewport(width, 900), chromedp.Navigate(base+"/"), chromedp.WaitVisible(".list"),
				chromedp.Text("main", &list), chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &over))
			if err != nil {
				t.Fatal(err)
			}
			picture("list-" + name)
			err = chromedp.Run(ctx, chromedp.Click(`//a[text()="feature/checkout-in-one-step"]`), chromedp.WaitVisible(".failure"), chromedp.Text("main", &sheet),
				chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &overSheet))
			if err != nil {
				t.Fatal(err)
			}
			picture("environment-" + name)
			for _, want := range []string{"feature/new_cool_page", "shared staging", "new-cool-page.shop.localhost:8080", "4 min ago", "9 h old", "ada", "degraded", "migration", "already exists", "place 2"} {
				if !strings.Contains(list, want) {
					t.Errorf("%s: the list has no %q", name, want)
				}
			}
			for _, want := range []string{"mend the release task", "smtp.example.com dns", "192.0.2.7:5432 tcp", "-- migrating", "offshoot logs", "cloned 100 MB by reflink", "1.1 s", "Ada Moss", "serves", "KeyError: 'QUEUE_'", "3 commits ahead of the branch"} {
				if !strings.Contains(sheet, want) {
					t.Errorf("%s: the environment's page has no %q", name, want)
				}
			}
			if over > 0 || overSheet > 0 {
				t.Errorf("%s: the page is wider than the window, by %d and %d", name, over, overSheet)
			}
		}
	}
	if err := chromedp.Run(ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(".row.asleep")); err != nil {
		t.Fatal(err)
	}
	var few string
	if err := chromedp.Run(ctx, chromedp.Click(`//a[text()="1 degraded"]`), chromedp.WaitVisible(`.tag[aria-current]`), chromedp.Text("main", &few)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(few, "feature/checkout-in-one-step") || strings.Contains(few, "feature/new_cool_page") || !strings.Contains(few, "2 ready") {
		t.Errorf("only what is degraded:\n%s", few)
	}
	if err := chromedp.Run(ctx, chromedp.Click(`.tag[aria-current]`), chromedp.WaitVisible(".row.asleep"), chromedp.Navigate(base+"/?phase=failed"), chromedp.Text("main", &few)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(few, "Nothing is failed now") {
		t.Errorf("only what is failed:\n%s", few)
	}
	if err := chromedp.Run(ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(".row.asleep")); err != nil {
		t.Fatal(err)
	}
	v.change("env_d", "waking")
	if err := chromedp.Run(ctx, chromedp.WaitVisible(".row.waking"), chromedp.Click("button"), chromedp.WaitVisible("#token")); err != nil {
		t.Fatalf("the page does not follow, or does not sign out: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	complaints = slices.DeleteFunc(complaints, func(c string) bool { return strings.Contains(c, "401") })
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

// pictures writes what the browser shows to OFFSHOOT_TEST_PICTURES.
func pictures(t *testing.T, ctx context.Context) func(name string) {
	dir := os.Getenv("OFFSHOOT_TEST_PICTURES")
	return func(name string) {
		if dir == "" {
			return
		}
		var png []byte
		if err := chromedp.Run(ctx, chromedp.FullScreenshot(&png, 100)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStrangersSeeNothing(t *testing.T) {
	_, base := serve(t)
	for _, path := range []string{"/", "/environments/env_a", "/live", "/environments/env_a/mail", "/environments/env_a/mail/msg_1", "/environments/env_a/mail/msg_1/html", "/environments/env_a/mail/msg_1/raw"} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %q", path, resp.StatusCode, policy)
		}
	}
	for name, r := range map[string]struct {
		method, path string
		header       map[string]string
		status       int
	}{
		"sign-in from another site":  {"POST", "/sign-in", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"sign-out from another site": {"POST", "/sign-out", map[string]string{"Origin": "https://evil.example"}, 403},
		"a token as a cookie":        {"GET", "/", map[string]string{"Cookie": "offshoot=" + token}, 401},
		"a cookie for the API":       {"GET", "/api/v1/environments", map[string]string{"Cookie": "offshoot=" + signIn(t, base)}, 401},
		"signed in":                  {"GET", "/", map[string]string{"Cookie": "offshoot=" + signIn(t, base)}, 200},
		"an environment":             {"GET", "/environments/env_c", map[string]string{"Authorization": "Bearer " + token}, 200},
		"one that serves nothing":    {"GET", "/environments/env_e", map[string]string{"Authorization": "Bearer " + token}, 200},
		"the style sheet":            {"GET", "/assets/page.css", nil, 200},
		"no style sheet":             {"GET", "/assets/..%2fweb.go", nil, 404},
		"not there":                  {"GET", "/environments/env_x", map[string]string{"Authorization": "Bearer " + token}, 404},
		"a link that is none":        {"GET", "/sign-in?code=x", nil, 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, base+r.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range r.header {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != r.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, r.status)
		}
	}
}

// signIn signs in by the form and answers the cookie's value.
func signIn(t *testing.T, base string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/sign-in", strings.NewReader("token="+token))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		t.Fatalf("sign-in: %d %v", resp.StatusCode, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, token) {
		t.Errorf("the cookie: %v", c)
	}
	return c.Value
}

func removed(ctx context.Context, dir string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := os.RemoveAll(dir)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
