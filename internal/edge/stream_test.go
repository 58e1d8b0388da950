package edge_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"offshoot/internal/edge"
)

// echo is a WebSocket server that says back what it hears.
func echo(t testing.TB) string {
	return upstream(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if c.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	})
}

func dial(t *testing.T, at string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+at+"/", &websocket.DialOptions{Host: host, HTTPClient: client(t, false)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); err != nil || string(got) != text {
		t.Fatalf("%q %v", got, err)
	}
}

// until waits for something that happens on its own goroutine.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !reached(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func TestASocketWakesCountsAndIsActivityWhenItCarries(t *testing.T) {
	up := echo(t)
	woken := make(chan struct{}, 1)
	e := made(t, func(string) { woken <- struct{}{} })
	e.Put(held(up))
	at := served(t, e)
	go func() { <-woken; e.Put(route(up)) }()
	c := dial(t, at)
	say(t, c, "hello")
	if n := e.InFlight("env_a"); n != 1 {
		t.Errorf("%d in flight", n)
	}
	if e.Hold("env_a") {
		t.Error("held with a socket open")
	}
	e.Activity()
	if len(e.Activity()) != 0 {
		t.Error("a socket that is only open is activity")
	}
	say(t, c, "again")
	if len(e.Activity()) != 1 {
		t.Error("a socket that carries bytes is no activity")
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	until(t, "the socket is counted although it is closed", func() bool { return e.InFlight("env_a") == 0 })
}

func TestASocketEndsWithItsRevisionAndConnectsToTheNext(t *testing.T) {
	e := made(t, nil)
	e.Put(route(echo(t)))
	at := served(t, e)
	c := dial(t, at)
	say(t, c, "old")
	e.Put(route(echo(t)))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Drain(ctx, "env_a"); err != nil {
		t.Errorf("a socket keeps the old revision: %v", err)
	}
	if _, _, err := c.Read(ctx); err == nil {
		t.Error("the old socket is open")
	}
	say(t, dial(t, at), "new")
}

func TestAPersonsSleepEndsSockets(t *testing.T) {
	e := made(t, nil)
	e.Put(route(echo(t)))
	c := dial(t, served(t, e))
	say(t, c, "hello")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := e.Quiesce(ctx, "env_a"); err != nil || !e.Holding("env_a") {
		t.Error(err)
	}
}

func TestASocketOfACrawlerIsNobody(t *testing.T) {
	e := edge.New(edge.Config{Wake: func(string) {}, Own: func(string, string) bool { return true }})
	t.Cleanup(e.Stop)
	e.Put(route(echo(t)))
	say(t, dial(t, served(t, e)), "hello")
	if len(e.Activity()) != 0 {
		t.Error("it counts")
	}
}
