package edge_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
)

func upstream(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func route(upstreams ...string) edge.Route {
	return edge.Route{Environment: "env_a", Phase: staging.PhaseReady, Hosts: map[string]edge.Target{"a.shop.localhost": {Service: "web", Upstreams: upstreams}}}
}

func get(t *testing.T, e http.Handler, host string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
	r.Host = host
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[header[i]] = []string{header[i+1]}
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestHostsLeadToTheirUpstreams(t *testing.T) {
	e := edge.New(func(string) {})
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello "+r.Host) })))
	if code, body := get(t, e, "A.shop.localhost:8080"); code != 200 || body != "hello A.shop.localhost:8080" {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get(t, e, "b.shop.localhost"); code != 404 || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("%d %s", code, body)
	}
	e.Remove("env_a")
	if code, _ := get(t, e, "a.shop.localhost"); code != 404 {
		t.Errorf("removed: %d", code)
	}
}

func TestEverySpellingOfForwardedHeadersIsRemoved(t *testing.T) {
	e := edge.New(func(string) {})
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, ""), "evil") {
				t.Errorf("%s: %v", name, values)
			}
		}
		if r.Header.Get("X-Forwarded-Host") != "a.shop.localhost" || r.Header.Get("X-Forwarded-For") == "" {
			t.Errorf("%v", r.Header)
		}
	})))
	get(t, e, "a.shop.localhost", "X-Forwarded-For", "evil", "X_forwarded_for", "evil", "x-forwarded-proto", "evil", "Forwarded", "for=evil",
		"X_Real_Ip", "evil", "X-Forwarded-User", "evil", "X-Offshoot-User", "evil")
}

func TestACrowdIsHeldAndWakesOnce(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "awake") })
	var wakes atomic.Int64
	woken := make(chan struct{}, 100)
	e := edge.New(func(string) { wakes.Add(1); woken <- struct{}{} })
	r := route(up)
	r.Holding = true
	e.Put(r)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if code, body := get(t, e, "a.shop.localhost"); code != 200 || body != "awake" {
				t.Errorf("%d %s", code, body)
			}
		})
	}
	for range 20 {
		<-woken
	}
	e.Put(route(up))
	all.Wait()
}

func TestHoldOnlyWhileNothingIsInFlight(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := edge.New(func(string) {})
	e.Put(route(upstream(t, func(http.ResponseWriter, *http.Request) { close(begun); <-end })))
	done := make(chan struct{})
	go func() { get(t, e, "a.shop.localhost"); close(done) }()
	<-begun
	if e.Hold("env_a") {
		t.Error("held with a request in flight")
	}
	close(end)
	<-done
	if !e.Hold("env_a") || !e.Holding("env_a") {
		t.Error("not held")
	}
}

func TestDrainWaitsForWhatBeganBefore(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	e := edge.New(func(string) {})
	e.Put(route(upstream(t, func(w http.ResponseWriter, _ *http.Request) { close(begun); <-end; _, _ = io.WriteString(w, "old") })))
	done := make(chan string)
	go func() { _, body := get(t, e, "a.shop.localhost"); done <- body }()
	<-begun
	e.Put(route(upstream(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "new") })))
	if _, body := get(t, e, "a.shop.localhost"); body != "new" {
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
	e := edge.New(func(string) {})
	r := route()
	r.Phase, r.Failure = staging.PhaseFailed, &staging.Failure{Message: "the build failed"}
	e.Put(r)
	if code, body := get(t, e, "a.shop.localhost"); code != 503 || !strings.Contains(body, "the build failed") {
		t.Errorf("%d %s", code, body)
	}
	e.Put(route("127.0.0.1:1"))
	if code, _ := get(t, e, "a.shop.localhost"); code != 502 {
		t.Errorf("dead upstream: %d", code)
	}
}
