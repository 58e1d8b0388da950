package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/rogpeppe/go-internal/testscript"
)

// edgeCommands ask the edge in more ways than `http` does.
func edgeCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"load": load, "unload": unload, "ask": ask, "socket": socket, "events": serverEvents}
}

// patience is what one request of a script may take.
const patience = 90 * time.Second

type loadKey struct{}

// traffic is requests that go on until they are told to end.
type traffic struct {
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	asked   int
	seen    map[string]int
	failed  []string
	slowest time.Duration
}

// load keeps a host busy: load HOST [sporadic]. Some workers keep their
// connections, some make a new one each time, some send bodies.
func load(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &traffic{stop: cancel, seen: map[string]int{}}
	*ts.Value(loadKey{}).(**traffic) = t
	ts.Defer(func() { cancel(); t.all.Wait() })
	edge := ts.Getenv("EDGE")
	pause := 5 * time.Millisecond
	if len(args) > 1 {
		pause = 700 * time.Millisecond
	}
	for i := range 6 {
		t.all.Go(func() {
			tr := &http.Transport{DisableKeepAlives: i%3 == 1}
			defer tr.CloseIdleConnections()
			for ctx.Err() == nil {
				t.one(ctx, &http.Client{Transport: tr, Timeout: patience}, edge, args[0], i%3 == 2)
				select {
				case <-ctx.Done():
				case <-time.After(pause/2 + rand.N(pause)):
				}
			}
		})
	}
}

// one asks once; what was begun is let end after the load has ended.
func (t *traffic) one(ctx context.Context, c *http.Client, edge, host string, post bool) {
	method, body, want := http.MethodGet, []byte(nil), ""
	if post {
		method, body = http.MethodPost, bytes.Repeat([]byte("x"), rand.N(200_000))
		want = fmt.Sprintf("%d %x", len(body), sha256.Sum256(body))
	}
	begun := time.Now()
	text, err := func() (string, error) {
		r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, edge+"/", bytes.NewReader(body))
		if err != nil {
			return "", err
		}
		r.Host = host
		resp, err := c.Do(r)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || want != "" && string(text) != want) {
			err = fmt.Errorf("%s %s: %.200s", method, resp.Status, text)
		}
		return string(text), err
	}()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	t.slowest = max(t.slowest, time.Since(begun))
	switch {
	case err != nil:
		t.failed = append(t.failed, err.Error())
	case !post:
		t.seen[text]++
	}
}

// unload ends the load: none of its requests may have failed, and each TEXT was
// answered: unload [TEXT…].
func unload(ts *testscript.TestScript, _ bool, args []string) {
	t := *ts.Value(loadKey{}).(**traffic)
	t.stop()
	t.all.Wait()
	ts.Logf("%d requests, the slowest %s, answers %v", t.asked, t.slowest, t.seen)
	if len(t.failed) > 0 {
		ts.Fatalf("%d of %d requests failed: %s", len(t.failed), t.asked, strings.Join(t.failed[:min(5, len(t.failed))], "\n"))
	}
	for _, text := range args {
		if t.seen[text] == 0 {
			ts.Fatalf("%q was never answered; %v", text, t.seen)
		}
	}
}

// ask asks the edge and looks at what comes: ask STATUS METHOD HOST PATH
// [send:NAME=VALUE…] [NAME=TEXT…], a NAME of `body` being the body's.
func ask(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, args[1], ts.Getenv("EDGE")+args[3], nil)
	ts.Check(err)
	r.Host = args[2]
	for _, a := range args[4:] {
		if name, value, ok := strings.Cut(strings.TrimPrefix(a, "send:"), "="); ok && strings.HasPrefix(a, "send:") {
			r.Header[name] = []string{value}
		}
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if fmt.Sprint(resp.StatusCode) != args[0] {
		ts.Fatalf("%s answers %d %s", args[2], resp.StatusCode, body)
	}
	for _, a := range args[4:] {
		name, want, _ := strings.Cut(a, "=")
		got := resp.Header.Get(name)
		if name == "body" {
			got = string(body)
		}
		if !strings.HasPrefix(a, "send:") && !strings.Contains(got, want) {
			ts.Fatalf("%s of %s is %q, want %q", name, args[2], got, want)
		}
	}
}

// socket says something over a WebSocket and hears it back: socket HOST PATH TEXT.
func socket(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(ts.Getenv("EDGE"), "http")+args[1], &websocket.DialOptions{Host: args[0]})
	ts.Check(err)
	defer func() { _ = c.CloseNow() }()
	ts.Check(c.Write(ctx, websocket.MessageText, []byte(args[2])))
	_, text, err := c.Read(ctx)
	ts.Check(err)
	if string(text) != args[2] {
		ts.Fatalf("the socket says %q", text)
	}
}

// serverEvents reads a stream whose events must come one by one: events HOST PATH.
func serverEvents(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("EDGE")+args[1], nil)
	ts.Check(err)
	r.Host = args[0]
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	var came []time.Time
	buffer := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buffer)
		if n > 0 {
			came = append(came, time.Now())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
	}
	if len(came) < 3 || came[len(came)-1].Sub(came[0]) < 200*time.Millisecond {
		ts.Fatalf("three events came in %d pieces", len(came))
	}
}
