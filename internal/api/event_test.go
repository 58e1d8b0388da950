package api_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"offshoot/internal/staging"
)

func TestEventsStreamAndResume(t *testing.T) {
	f := newFake()
	closing, stop := context.WithCancel(t.Context())
	s := serve(t, f, closing)
	f.happen(staging.Event{Type: "a", Project: "shop"})
	f.happen(staging.Event{Type: "b", Project: "blog"})
	open := func(query string, headers ...string) *bufio.Reader {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/events"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+admin)
		r.Header.Set("Accept", "text/event-stream")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%v %v", resp, err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return bufio.NewReader(resp.Body)
	}
	next := func(r *bufio.Reader) string {
		t.Helper()
		var lines []string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if line = strings.TrimSpace(line); line == "" {
				if len(lines) > 0 && strings.HasPrefix(lines[0], "id: ") {
					return strings.Join(lines[:2], " ")
				}
				lines = nil
				continue
			}
			lines = append(lines, line)
		}
	}
	all, resumed, shop := open(""), open("?after=0", "Last-Event-ID", "1"), open("?project=shop&after=1")
	for i, want := range []string{"id: 1 event: a", "id: 2 event: b"} {
		if got := next(all); got != want {
			t.Errorf("event %d: %s", i, got)
		}
	}
	if got := next(resumed); got != "id: 2 event: b" {
		t.Errorf("resumed: %s", got)
	}
	f.happen(staging.Event{Type: "c", Project: "shop"})
	for _, r := range []*bufio.Reader{all, resumed, shop} {
		if got := next(r); got != "id: 3 event: c" {
			t.Errorf("live: %s", got)
		}
	}
	a := ask(t, "GET", s.URL+"/api/v1/events?after=1&limit=1", admin, "")
	if !strings.Contains(a.body, `"seq":2`) || !strings.Contains(a.body, `"next_cursor":"2"`) {
		t.Errorf("JSON: %s", a.body)
	}
	waiting := make(chan answer, 1)
	go func() { waiting <- ask(t, "GET", s.URL+"/api/v1/events?after=3&wait=60", admin, "") }()
	stop()
	if got := next(all); got != "EOF" {
		t.Errorf("a stopping server leaves streams open: %s", got)
	}
	if a := <-waiting; !strings.Contains(a.body, `"items":[]`) {
		t.Errorf("a stopping server leaves questions open: %s", a.body)
	}
}
