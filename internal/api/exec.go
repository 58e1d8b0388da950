package api

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// maxFrame bounds one frame of a session, in bytes.
const maxFrame = 1 << 20

// attach is a session over a WebSocket: the first text frame says what is
// wanted, the last one how it ended.
func attach(c Config, w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxFrame)
	ctx, cancel := context.WithCancel(r.Context())
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
	address, err := c.Sessions.Address(r.Context(), r.PathValue("id"), r.URL.Query().Get("data"))
	if err != nil {
		writeProblem(w, problemOf(err))
		return
	}
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
	client := websocket.NetConn(r.Context(), conn, websocket.MessageBinary)
	defer func() { _ = client.Close() }()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(upstream, client); done <- struct{}{} }()
	go func() { _, _ = io.Copy(client, upstream); done <- struct{}{} }()
	<-done
}
