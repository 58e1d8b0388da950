package api

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// maxFrame bounds one frame of a session, in bytes.
const maxFrame = 1 << 20

// sessions are the routes that run commands for people.
func sessions(api huma.API, g *gate, c Config) {
	g.HandleFunc("GET /api/v1/environments/{id}/exec", upgraded(func(w http.ResponseWriter, r *http.Request) { attach(c, w, r) }))
	g.HandleFunc("GET /api/v1/environments/{id}/tunnel", upgraded(func(w http.ResponseWriter, r *http.Request) { tunnel(c, w, r) }))
	id := &huma.Param{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}
	upgrade := func(name, path, summary string, params ...*huma.Param) {
		o := operation(name, http.MethodGet, path, summary)
		o.Parameters = append([]*huma.Param{id}, params...)
		o.Responses["101"] = &huma.Response{Description: "a WebSocket"}
		api.OpenAPI().AddOperation(&o)
	}
	upgrade("attach", "/environments/{id}/exec", "A WebSocket to a command: the first text frame is a Session, the last a Control")
	upgrade("tunnel", "/environments/{id}/tunnel", "A WebSocket that carries one connection to a datastore",
		&huma.Param{Name: "data", In: "query", Required: true, Schema: &huma.Schema{Type: "string"}})
	schemas := api.OpenAPI().Components.Schemas
	schemas.Schema(typeOf[wire.Session](), true, "Session")
	schemas.Schema(typeOf[wire.Control](), true, "Control")
	huma.Register(api, operation("exec", http.MethodPost, "/environments/{id}/exec", "Run a command to its end, without a terminal"), func(ctx context.Context, in *struct {
		Identified
		Body wire.Run
	}) (*struct{ Body wire.RunResult }, error) {
		return reply(c.run(ctx, in.ID, in.Body))
	})
}

// upgraded refuses what asks for no WebSocket.
func upgraded(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			handle(w, r)
			return
		}
		p := problemOf(staging.Errorf(staging.CodeUsage, "ask for it with Upgrade: websocket; POST …/exec runs a command without one", "this route is a WebSocket"))
		p.Status, p.Title = http.StatusUpgradeRequired, http.StatusText(http.StatusUpgradeRequired)
		w.Header().Set("Upgrade", "websocket")
		writeProblem(w, p)
	}
}

// maxOutput bounds what of a command's output an answer carries, in bytes a
// stream.
const maxOutput = 1 << 20

// run runs a command without a terminal and collects what it writes.
func (c Config) run(ctx context.Context, id string, r wire.Run) (wire.RunResult, error) {
	if len(r.Command) == 0 && r.Client == "" {
		return wire.RunResult{}, staging.Errorf(staging.CodeUsage, `for example {"command":["./bin/report"]}`, "no command is given")
	}
	return c.collect(ctx, id, wire.Session{Service: r.Service, Beside: r.Beside, Client: r.Client, Data: r.Data, Command: r.Command}, r.Stdin)
}

// collect runs a session to its end and keeps what it writes.
func (c Config) collect(ctx context.Context, id string, s wire.Session, stdin string) (wire.RunResult, error) {
	ctx, cancel := c.untilClosing(ctx)
	defer cancel()
	var stdout, stderr bounded
	code, err := c.Sessions.Attach(ctx, id, s, Attached{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
	return wire.RunResult{ExitCode: code, Stdout: stdout.text(), Stderr: stderr.text(), Truncated: stdout.more || stderr.more}, err
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	kept []byte
	more bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := maxOutput - len(b.kept)
	b.kept = append(b.kept, p[:min(room, len(p))]...)
	b.more = b.more || len(p) > room
	return len(p), nil
}

func (b *bounded) text() string { return strings.ToValidUTF8(string(b.kept), "\uFFFD") }

// attach is a session over a WebSocket: the first text frame says what is
// wanted, the last one how it ended.
func attach(c Config, w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxFrame)
	ctx, cancel := c.untilClosing(r.Context())
	defer cancel()
	var want wire.Session
	kind, text, err := conn.Read(ctx)
	if err != nil || kind != websocket.MessageText || json.Unmarshal(text, &want) != nil {
		_ = conn.Close(websocket.StatusPolicyViolation, "the first frame must be a session")
		return
	}
	out := &frames{ctx: ctx, conn: conn}
	input, feed := io.Pipe()
	resize := make(chan wire.TerminalSize, 1)
	go func() {
		defer cancel() // a broken connection hangs up
		receive(ctx, conn, feed, resize)
	}()
	code, err := c.Sessions.Attach(ctx, r.PathValue("id"), want, Attached{Stdin: input, Stdout: out.stream(wire.FrameStdout), Stderr: out.stream(wire.FrameStderr), Resize: resize})
	_ = input.Close()
	last := wire.Control{Exit: &code}
	if err != nil {
		p := problemOf(err).Problem
		last = wire.Control{Error: &p}
	}
	text, err = json.Marshal(last)
	if err == nil {
		_ = out.send(websocket.MessageText, text)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

func receive(ctx context.Context, conn *websocket.Conn, feed *io.PipeWriter, resize chan<- wire.TerminalSize) {
	defer func() { _ = feed.Close() }()
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary && len(data) > 0 && data[0] == wire.FrameStdin {
			_, _ = feed.Write(data[1:]) // a command that reads no more has closed its end
			continue
		}
		var word wire.Control
		if kind != websocket.MessageText || json.Unmarshal(data, &word) != nil {
			continue
		}
		if word.EOF {
			_ = feed.Close()
		}
		if word.Resize != nil {
			select {
			case resize <- *word.Resize:
			case <-ctx.Done():
			}
		}
	}
}

// frames writes to one connection from two streams.
type frames struct {
	ctx  context.Context
	conn *websocket.Conn
	mu   sync.Mutex
}

func (f *frames) send(kind websocket.MessageType, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.Write(f.ctx, kind, data)
}

func (f *frames) stream(channel byte) io.Writer { return stream{f, channel} }

type stream struct {
	*frames
	channel byte
}

func (s stream) Write(data []byte) (int, error) {
	for begin := 0; begin < len(data); begin += maxFrame / 2 {
		chunk := data[begin:min(len(data), begin+maxFrame/2)]
		if err := s.send(websocket.MessageBinary, append([]byte{s.channel}, chunk...)); err != nil {
			return begin, err
		}
	}
	return len(data), nil
}

// tunnel carries one connection to a datastore.
func tunnel(c Config, w http.ResponseWriter, r *http.Request) {
	address, leave, err := c.Sessions.Tunnel(r.Context(), r.PathValue("id"), r.URL.Query().Get("data"))
	if err != nil {
		writeProblem(w, problemOf(err))
		return
	}
	defer leave()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	upstream, err := dialer.DialContext(r.Context(), "tcp", address)
	if err != nil {
		writeProblem(w, problemOf(staging.Errorf(staging.ClassCode(staging.ClassData), "offshoot show tells its state", "the datastore does not answer: %w", err)))
		return
	}
	defer func() { _ = upstream.Close() }()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return
	}
	ctx, cancel := c.untilClosing(r.Context())
	defer cancel()
	client := websocket.NetConn(ctx, conn, websocket.MessageBinary)
	defer func() { _ = client.Close() }()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(upstream, client); done <- struct{}{} }()
	go func() { _, _ = io.Copy(client, upstream); done <- struct{}{} }()
	<-done
}
