package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// maxFrame bounds one frame of a session, in bytes.
const maxFrame = 2 << 20

func (c *Client) dial(ctx context.Context, path string) (*websocket.Conn, error) {
	address := "ws" + strings.TrimPrefix(c.Base, "http") + "/api/v1" + path
	header, err := c.header()
	if err != nil {
		return nil, err
	}
	conn, resp, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: c.HTTP, HTTPHeader: header, CompressionMode: websocket.CompressionDisabled})
	if err == nil {
		conn.SetReadLimit(maxFrame)
		return conn, nil
	}
	if resp != nil && resp.StatusCode >= 400 {
		return nil, problem(resp)
	}
	return nil, staging.Errorf(staging.CodeUnreachable, "start it: offshoot server; or name another: --server URL", "the server at %s cannot be reached: %w", c.Base, err)
}

// Attach runs a session and answers its exit code. A connection that breaks is
// an error of code unreachable.
func (c *Client) Attach(ctx context.Context, id string, s wire.Session, stdin io.Reader, stdout, stderr io.Writer, resize <-chan wire.TerminalSize) (int, error) {
	conn, err := c.dial(ctx, "/environments/"+url.PathEscape(id)+"/exec")
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		return 0, broken(err)
	}
	go send(ctx, conn, stdin)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case size := <-resize:
				text, _ := json.Marshal(wire.Control{Resize: &size}) // plain values only: cannot fail
				_ = conn.Write(ctx, websocket.MessageText, text)
			}
		}
	}()
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return 0, broken(err)
		}
		if kind == websocket.MessageBinary && len(data) > 0 {
			to := stdout
			if data[0] == wire.FrameStderr {
				to = stderr
			}
			if _, err := to.Write(data[1:]); err != nil {
				return 0, err
			}
			continue
		}
		var last wire.Control
		if err := json.Unmarshal(data, &last); err != nil {
			return 0, broken(err)
		}
		if last.Error != nil {
			return 0, &staging.Error{Code: staging.Code(last.Error.Code), Message: last.Error.Detail, Hint: last.Error.Hint, Failure: last.Error.Failure}
		}
		if last.Exit != nil {
			return *last.Exit, nil
		}
	}
}

// Run runs a command to its end, without a terminal.
func (c *Client) Run(ctx context.Context, id string, r wire.Run) (v wire.RunResult, err error) {
	return v, c.call(ctx, http.MethodPost, "/environments/"+url.PathEscape(id)+"/exec", nil, r, &v)
}

// RunJob runs a cron job to its end.
func (c *Client) RunJob(ctx context.Context, id, job string) (v wire.RunResult, err error) {
	return v, c.call(ctx, http.MethodPost, "/environments/"+url.PathEscape(id)+"/cron", nil, wire.RunJob{Job: job}, &v)
}

func send(ctx context.Context, conn *websocket.Conn, stdin io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := stdin.Read(buffer)
		if n > 0 && conn.Write(ctx, websocket.MessageBinary, append([]byte{wire.FrameStdin}, buffer[:n]...)) != nil {
			return
		}
		if err != nil {
			text, _ := json.Marshal(wire.Control{EOF: true}) // plain values only: cannot fail
			_ = conn.Write(ctx, websocket.MessageText, text)
			return
		}
	}
}

func broken(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return staging.Errorf(staging.CodeUnreachable, "run it again", "the connection to the server broke: %w", err)
}

// Tunnel is one connection to a datastore of an environment.
func (c *Client) Tunnel(ctx context.Context, id, datastore string) (net.Conn, error) {
	conn, err := c.dial(ctx, "/environments/"+url.PathEscape(id)+"/tunnel?data="+url.QueryEscape(datastore))
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(ctx, conn, websocket.MessageBinary), nil
}
