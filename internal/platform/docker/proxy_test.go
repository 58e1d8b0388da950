package docker_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands before an engine's socket and can be told to misbehave.
type proxy struct {
	t      *testing.T
	socket string
	behind string

	mu    sync.Mutex
	mode  mode
	l     net.Listener
	conns map[net.Conn]bool
	// hears is closed when the engine may be asked for events; asked tells that
	// somebody wants them.
	hears, asked chan struct{}
	// pauses counts what one that is busy was asked to pause, or to make.
	pauses atomic.Int32
	// starts is told when one that is slow is asked to start a container, let is
	// closed when it may; removals counts what it was asked to remove.
	starts, let chan struct{}
	removals    atomic.Int32
}

type mode int

const (
	passes mode = iota
	hangs
	fails   // answers 500
	babbles // answers 200, and what is no JSON
	raves   // answers what is not HTTP
	cuts    // lets the engine do what is asked, and its answer not through
	// deaf answers whoever wants events at once, and asks the engine for them
	// only when it is told to: so does an engine on a busy host.
	deaf
	// busy cannot freeze a container at the first times of asking, by the words of
	// runc on a busy host.
	busy
	// otherKind says that it is Podman, rootless that it runs without root.
	otherKind
	rootless
	// slow starts nothing before it is let.
	slow
	// making still has the name of a container that it makes, and shows none yet.
	making
)

// busyTimes is how often one that is busy says so.
const busyTimes = 2

func newProxy(t *testing.T, host string) *proxy {
	p := &proxy{t: t, socket: filepath.Join(t.TempDir(), "e.sock"), behind: strings.TrimPrefix(host, "unix://"), conns: map[net.Conn]bool{},
		hears: make(chan struct{}), asked: make(chan struct{}, 1), starts: make(chan struct{}, 1), let: make(chan struct{})}
	p.up()
	t.Cleanup(p.down)
	return p
}

func (p *proxy) host() string { return "unix://" + p.socket }

// set changes what it does, and breaks what goes on.
func (p *proxy) set(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	p.cut()
}

func (p *proxy) cut() {
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) up() {
	l, err := net.Listen("unix", p.socket)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.l = l
	p.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
}

// down is an engine that is gone.
func (p *proxy) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.l.Close()
	p.cut()
}

// hold remembers a connection until it is closed.
func (p *proxy) hold(c net.Conn) (m mode, release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return p.mode, func() {
		_ = c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}
}

func (p *proxy) serve(c net.Conn) {
	m, release := p.hold(c)
	defer release()
	switch m {
	case hangs:
		_, _ = io.Copy(io.Discard, c)
		return
	case fails:
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 23\r\n\r\n{\"message\":\"no luck\"}\r\n")
		return
	case babbles:
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 8\r\n\r\nnonsense")
		return
	case raves:
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "\x15\x03nonsense\r\n\r\n")
		return
	}
	engine, err := net.Dial("unix", p.behind)
	if err != nil {
		return
	}
	_, releaseEngine := p.hold(engine)
	defer releaseEngine()
	switch m {
	case deaf:
		p.late(c, engine)
		return
	case busy:
		p.freezes(c, engine)
		return
	case otherKind:
		p.says(c, engine, "/version", `{"Version":"4.3.1","ApiVersion":"1.41","Components":[{"Name":"Podman Engine","Version":"4.3.1"},{"Name":"Conmon","Version":"2.1"}]}`)
		return
	case making:
		p.instead(c, engine, func(r *http.Request) (int, string) {
			if strings.HasSuffix(r.URL.Path, "/containers/create") && p.pauses.Add(1) <= busyTimes {
				return http.StatusConflict, `{"message":"Conflict. The container name is already in use"}`
			}
			return 0, ""
		})
		return
	case slow:
		p.instead(c, engine, func(r *http.Request) (int, string) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/start"):
				p.starts <- struct{}{}
				<-p.let
			case r.Method == http.MethodDelete:
				p.removals.Add(1)
			}
			return 0, ""
		})
		return
	case rootless:
		p.says(c, engine, "/info", `{"ServerVersion":"29.0.0","SecurityOptions":["name=seccomp,profile=builtin","name=rootless"]}`)
		return
	}
	go func() {
		_, _ = io.Copy(engine, c)
		_ = engine.(*net.UnixConn).CloseWrite()
	}()
	if m == cuts { // once it begins to answer it has done what was asked
		_, _ = io.CopyN(c, engine, 10)
		return
	}
	_, _ = io.Copy(c, engine)
}

// freezes passes requests on, but the first ones to pause.
func (p *proxy) freezes(c, engine net.Conn) {
	p.instead(c, engine, func(r *http.Request) (status int, body string) {
		if strings.HasSuffix(r.URL.Path, "/pause") && p.pauses.Add(1) <= busyTimes {
			return http.StatusInternalServerError, `{"message":"cannot pause container: runc did not terminate successfully: unable to freeze"}`
		}
		return 0, ""
	})
}

// says passes requests on, but for one path.
func (p *proxy) says(c, engine net.Conn, path, body string) {
	p.instead(c, engine, func(r *http.Request) (int, string) {
		if strings.HasSuffix(r.URL.Path, path) {
			return http.StatusOK, body
		}
		return 0, ""
	})
}

// instead passes requests on where answer has no status.
func (p *proxy) instead(c, engine net.Conn, answer func(*http.Request) (status int, body string)) {
	from, back := bufio.NewReader(c), bufio.NewReader(engine)
	for {
		r, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		if status, body := answer(r); status != 0 {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
			continue
		}
		if r.Write(engine) != nil {
			return
		}
		answer, err := http.ReadResponse(back, r)
		if err != nil || answer.Write(c) != nil {
			return
		}
	}
}

// late passes requests on. One for events it answers itself, and passes on when
// the engine may hear of it.
func (p *proxy) late(c, engine net.Conn) {
	from, back := bufio.NewReader(c), bufio.NewReader(engine)
	for {
		r, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		events := strings.HasSuffix(r.URL.Path, "/events")
		if events {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
			p.asked <- struct{}{}
			<-p.hears
		}
		if r.Write(engine) != nil {
			return
		}
		answer, err := http.ReadResponse(back, r)
		if err != nil {
			return
		}
		if events {
			_, _ = io.Copy(httputil.NewChunkedWriter(c), answer.Body)
			return
		}
		if answer.Write(c) != nil {
			return
		}
	}
}
