package edge_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
)

const host = "a.shop.localhost"

// made is an edge that ends with its test; wake may be nil.
func made(t testing.TB, wake func(string)) *edge.Edge {
	if wake == nil {
		wake = func(string) {}
	}
	e := edge.New(edge.Config{Wake: wake})
	t.Cleanup(e.Stop)
	return e
}

func upstream(t testing.TB, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func saying(t testing.TB, text string) string {
	return upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func route(upstreams ...string) edge.Route {
	return edge.Route{Environment: "env_a", Phase: staging.PhaseReady, Hosts: map[string]edge.Target{host: {Service: "web", Upstreams: upstreams}}}
}

func held(upstreams ...string) edge.Route {
	r := route(upstreams...)
	r.Holding = true
	return r
}

func ask(e http.Handler, method, host string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://x/", nil)
	r.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func get(t testing.TB, e http.Handler, host string, header ...string) (int, string) {
	t.Helper()
	w := ask(e, http.MethodGet, host, header...)
	return w.Code, w.Body.String()
}

func TestHostsLeadToTheirUpstreams(t *testing.T) {
	e := made(t, nil)
	r := route(upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello "+r.Host) }))
	r.Hosts["admin--new-cool-page.shop.localhost"] = edge.Target{Service: "admin", Upstreams: []string{saying(t, "admin")}}
	e.Put(r)
	for _, x := range []struct {
		host, body string
		code       int
	}{
		{"A.shop.localhost:8080", "hello A.shop.localhost:8080", 200},
		{"a.shop.localhost.", "hello a.shop.localhost.", 200},
		{"admin--new_cool_page.shop.localhost", "admin", 200},
		{"ADMIN__New_Cool_Page.Shop.Localhost:80", "admin", 200},
		{"b.shop.localhost", `"code":"not_found"`, 404},
		{"shop.localhost", `"code":"not_found"`, 404},
		{"", `"code":"not_found"`, 404},
		{"[::1]:8080", `"code":"not_found"`, 404},
	} {
		if code, body := get(t, e, x.host); code != x.code || !strings.Contains(body, x.body) {
			t.Errorf("%q: %d %s", x.host, code, body)
		}
	}
	e.Remove("env_a")
	if code, _ := get(t, e, host); code != 404 {
		t.Errorf("removed: %d", code)
	}
}

func TestHostsComeAndGoWithARoute(t *testing.T) {
	e := made(t, nil)
	up := saying(t, "a")
	e.Put(route(up))
	r := route(up)
	r.Hosts = map[string]edge.Target{"b.shop.localhost": {Upstreams: []string{up}}}
	e.Put(r)
	if code, _ := get(t, e, host); code != 404 {
		t.Errorf("a host that is no longer one answers %d", code)
	}
	if code, _ := get(t, e, "b.shop.localhost"); code != 200 {
		t.Errorf("a new host answers %d", code)
	}
	// A successor takes the name over; what is left of the other takes nothing away.
	next := route(saying(t, "next"))
	next.Environment = "env_b"
	e.Put(next)
	e.Put(route(up))
	e.Put(next)
	e.Remove("env_a")
	if _, body := get(t, e, host); body != "next" {
		t.Errorf("the successor's host answers %s", body)
	}
}

func TestHoldOnlyWhileNothingIsInFlight(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := made(t, nil)
	e.Put(route(upstream(t, func(http.ResponseWriter, *http.Request) { close(begun); <-end })))
	done := make(chan struct{})
	go func() { get(t, e, host); close(done) }()
	<-begun
	if e.Hold("env_a") || e.InFlight("env_a") != 1 {
		t.Error("held with a request in flight")
	}
	close(end)
	<-done
	if !e.Hold("env_a") || !e.Holding("env_a") {
		t.Error("not held")
	}
}

// A person's sleep lets what is in flight end, and lets nobody in meanwhile.
func TestQuiesceWaitsAndHolds(t *testing.T) {
	begun, end, woken := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	e := made(t, func(string) { woken <- struct{}{} })
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			close(begun)
			<-end
		}
		_, _ = io.WriteString(w, "done")
	})
	e.Put(route(up))
	slow, quick, quiet := make(chan string), make(chan string), make(chan error, 1)
	go func() { slow <- ask(e, http.MethodPost, host).Body.String() }()
	<-begun
	go func() { quiet <- e.Quiesce(context.Background(), "env_a") }()
	for flipped := false; !flipped; {
		go func() { quick <- ask(e, http.MethodGet, host).Body.String() }()
		select {
		case <-quick: // it came before the flip
		case <-woken:
			flipped = true
		}
	}
	if e.Holding("env_a") {
		t.Error("it is called asleep with a request in flight")
	}
	close(end)
	if body := <-slow; body != "done" {
		t.Errorf("in flight: %s", body)
	}
	if err := <-quiet; err != nil || !e.Holding("env_a") {
		t.Error(err, e.Holding("env_a"))
	}
	e.Put(route(up))
	if body := <-quick; body != "done" {
		t.Errorf("held: %s", body)
	}
}

func TestQuiesceGivesUpAndOpensAgain(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := made(t, nil)
	e.Put(route(upstream(t, func(http.ResponseWriter, *http.Request) { close(begun); <-end })))
	done := make(chan struct{})
	go func() { get(t, e, host); close(done) }()
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e.Quiesce(ctx, "env_a") == nil || e.Holding("env_a") {
		t.Error("it holds with a request in flight")
	}
	close(end)
	<-done
	if !e.Hold("env_a") {
		t.Error("not open again")
	}
}

func TestDrainWaitsForWhatBeganBefore(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, _ *http.Request) { close(begun); <-end; _, _ = io.WriteString(w, "old") })))
	done := make(chan string)
	go func() { _, body := get(t, e, host); done <- body }()
	<-begun
	e.Put(route(saying(t, "new")))
	if _, body := get(t, e, host); body != "new" {
		t.Errorf("after the switch: %s", body)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e.Drain(ctx, "env_a") == nil {
		t.Error("drained with a request in flight")
	}
	close(end)
	if body := <-done; body != "old" {
		t.Errorf("in flight: %s", body)
	}
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := e.Drain(ctx, "env_a"); err != nil {
		t.Error(err)
	}
}

func TestNothingServes(t *testing.T) {
	e := made(t, nil)
	r := route()
	r.Phase, r.Failure = staging.PhaseFailed, &staging.Failure{Class: staging.ClassBuild, Message: "the build failed", Hint: "mend it"}
	e.Put(r)
	w := ask(e, http.MethodGet, host)
	if w.Code != 503 || w.Header().Get("X-Offshoot-Phase") != "failed" || w.Header().Get("Content-Type") != "application/problem+json" ||
		!strings.Contains(w.Body.String(), `"class":"build"`) || !strings.Contains(w.Body.String(), "mend it") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := ask(e, http.MethodPost, host, "Accept", "text/html"); w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program gets %s", w.Header().Get("Content-Type"))
	}
	if w := ask(e, http.MethodGet, host, "Sec-Fetch-Mode", "navigate"); w.Code != 503 || !strings.Contains(w.Body.String(), "<h1>The deployment failed</h1>") {
		t.Errorf("a browser gets %d %s", w.Code, w.Body)
	}
	for _, phase := range []staging.Phase{staging.PhaseQueued, staging.PhaseDeploying} {
		r.Phase, r.Failure = phase, nil
		e.Put(r)
		if w := ask(e, http.MethodGet, host); w.Code != 503 || w.Header().Get("X-Offshoot-Phase") != string(phase) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", phase, w.Code, w.Header())
		}
	}
	if w := ask(e, http.MethodConnect, host); w.Code != 503 {
		t.Errorf("CONNECT: %d", w.Code)
	}
}
