package edge_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"offshoot/internal/edge"
)

// served is an edge behind a real server that speaks HTTP/1.1 and HTTP/2 in the
// clear, as the program's does; its address is answered.
func served(t testing.TB, e *edge.Edge) string {
	s := httptest.NewUnstartedServer(e)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func client(t testing.TB, h2 bool) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	tr := &http.Transport{Protocols: protocols, ExpectContinueTimeout: 10 * time.Second}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func request(t testing.TB, method, address, path string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://"+address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	return r
}

func do(t testing.TB, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWhatGoesThroughIsWhatWasSent(t *testing.T) {
	up := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Host+" "+string(body)+" "+r.Trailer.Get("X-Client"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "tea")
		w.Header().Set("X-Sum", "3")
	})
	e := made(t, nil)
	e.Put(route(up))
	at := served(t, e)
	for _, h2 := range []bool{false, true} {
		for _, x := range []struct{ method, path string }{
			{"GET", "/"}, {"POST", "/a%2Fb/../c?x=1;y=%zz&q=a+b"}, {"DELETE", "//double//slash"}, {"PATCH", "/%E2%82%AC"}, {"PROPFIND", "/a:b@c"},
		} {
			r := request(t, x.method, at, x.path, nil)
			want := x.method + " " + x.path + " " + host + "  "
			if x.method == "POST" || x.method == "PATCH" {
				r = request(t, x.method, at, x.path, io.NopCloser(strings.NewReader("body")))
				r.Trailer = http.Header{"X-Client": {"end"}}
				want = x.method + " " + x.path + " " + host + " body end"
			}
			resp, body := do(t, client(t, h2), r)
			if seen := resp.Header.Get("X-Seen"); seen != strings.TrimSpace(want) {
				t.Errorf("h2 %t: seen %q, sent %q", h2, seen, want)
			}
			if resp.StatusCode != 418 || body != "tea" || resp.Trailer.Get("X-Sum") != "3" {
				t.Errorf("h2 %t: %d %q %v", h2, resp.StatusCode, body, resp.Trailer)
			}
		}
	}
}

func TestHeadAndEmptyAnswers(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "12345")
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/same":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		}
	})))
	at := served(t, e)
	for _, h2 := range []bool{false, true} {
		c := client(t, h2)
		if resp, _ := do(t, c, request(t, http.MethodHead, at, "/length", nil)); resp.ContentLength != 12345 {
			t.Errorf("HEAD: %d", resp.ContentLength)
		}
		if resp, _ := do(t, c, request(t, http.MethodGet, at, "/none", nil)); resp.StatusCode != 204 {
			t.Error(resp.Status)
		}
		if resp, _ := do(t, c, request(t, http.MethodGet, at, "/same", nil)); resp.StatusCode != 304 || resp.Header.Get("Etag") != `"x"` {
			t.Error(resp.Status, resp.Header)
		}
	}
}

func TestAnUpstreamThatDiesIsNotHidden(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	})))
	at := served(t, e)
	for _, h2 := range []bool{false, true} {
		// The client sees an error, before or after what came.
		if resp, err := client(t, h2).Do(request(t, http.MethodGet, at, "/late", nil)); err == nil {
			if body, err := io.ReadAll(resp.Body); err == nil {
				t.Errorf("h2 %t: a cut answer looks whole: %s", h2, body)
			}
			_ = resp.Body.Close()
		}
		if resp, body := do(t, client(t, h2), request(t, http.MethodPost, at, "/early", strings.NewReader("x"))); resp.StatusCode != 502 || !strings.Contains(body, "broke off") {
			t.Errorf("h2 %t: %s %s", h2, resp.Status, body)
		}
	}
	if n := e.InFlight("env_a"); n != 0 {
		t.Errorf("%d in flight", n)
	}
}

// Headers are held in memory until the last of them: what a crowd of answers may
// take is bounded.
func TestHeadersOfAnAnswerAreBounded(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Path[1:])
		w.Header().Set("X-Long", strings.Repeat("a", n))
	})))
	at := served(t, e)
	for path, want := range map[string]int{"/200000": 200, "/2000000": 502} {
		if resp, body := do(t, client(t, false), request(t, http.MethodGet, at, path, nil)); resp.StatusCode != want {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}

// TestAnInstanceThatBreaksOffIsSkipped holds that one that dies takes one request
// with it, whatever connections to it are still open.
func TestAnInstanceThatBreaksOffIsSkipped(t *testing.T) {
	e := made(t, nil)
	e.Put(route(upstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), saying(t, "alive")))
	var failed time.Time
	for range 20 {
		began := time.Now()
		if code, body := get(t, e, host); code == http.StatusOK {
			continue
		} else if code != http.StatusBadGateway || time.Since(failed) < time.Second {
			t.Errorf("%d %s, a moment after it broke off", code, body)
		}
		failed = began
	}
	if failed.IsZero() {
		t.Error("nothing broke off")
	}
}

func TestReplicasTakeTurnsAndADeadOneIsSkipped(t *testing.T) {
	e := made(t, nil)
	a, b := saying(t, "a"), saying(t, "b")
	e.Put(route(a, b))
	seen := map[string]int{}
	for range 20 {
		_, body := get(t, e, host)
		seen[body]++
	}
	if seen["a"] != 10 || seen["b"] != 10 {
		t.Errorf("%v", seen)
	}
	e.Put(route(a, "127.0.0.1:1", b, "127.0.0.1:2"))
	for range 20 {
		r := httptest.NewRequest(http.MethodPost, "http://x/", strings.NewReader("body"))
		r.Host = host
		w := httptest.NewRecorder()
		if e.ServeHTTP(w, r); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	e.Put(route("127.0.0.1:1", "127.0.0.1:2"))
	for range 3 {
		if w := ask(e, http.MethodGet, host); w.Code != 502 || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("all dead: %d %v", w.Code, w.Header())
		}
	}
}

func TestServerSentEventsComeAtOnceAndEndWithTheRoute(t *testing.T) {
	next := make(chan string)
	t.Cleanup(func() { close(next) })
	e := made(t, nil)
	e.Put(route(upstream(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text := <-next:
				_, _ = io.WriteString(w, "data: "+text+"\n\n")
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})))
	at := served(t, e)
	resp, err := client(t, false).Do(request(t, http.MethodGet, at, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	e.Activity()
	lines := bufio.NewReader(resp.Body)
	for _, text := range []string{"one", "two"} {
		next <- text
		if line, err := lines.ReadString('\n'); err != nil || line != "data: "+text+"\n" {
			t.Fatalf("%q %v", line, err)
		}
		_, _ = lines.ReadString('\n')
	}
	if len(e.Activity()) != 1 {
		t.Error("a stream that carries events is no activity")
	}
	e.Put(route(saying(t, "new")))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Drain(ctx, "env_a"); err != nil {
		t.Errorf("a stream keeps the old revision: %v", err)
	}
	if _, err := lines.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestGRPCGoesThroughWithItsTrailers(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			t.Errorf("%s %v", r.Proto, r.Header)
		}
		w.Header().Set("Trailer", "Grpc-Status")
		w.Header().Set("Content-Type", "application/grpc")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(flushing{w}, r.Body) // echoes while it is read
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	e := made(t, nil)
	e.Put(route(s.Listener.Addr().String()))
	at := served(t, e)
	pr, pw := io.Pipe()
	r := request(t, http.MethodPost, at, "/pkg.Service/Call", pr)
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	resp, err := client(t, true).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for range 3 { // both ways at the same time
		_, _ = io.WriteString(pw, "ping")
		got := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "ping" {
			t.Fatalf("%q %v", got, err)
		}
	}
	_ = pw.Close()
	_, _ = io.ReadAll(resp.Body)
	if resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%v", resp.Trailer)
	}
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	_ = http.NewResponseController(f.ResponseWriter).Flush()
	return n, err
}

// Bytes of one request must never reach another's answer.
// Requests that a proxy and a server could read differently are refused before
// anything is sent on.
