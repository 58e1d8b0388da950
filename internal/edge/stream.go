package edge

import (
	"io"
	"mime"
	"net"
	"net/http"
	"sync/atomic"
)

// stream is what an upstream goes on sending for as long as it likes: a socket
// after its upgrade, or server-sent events. It can be ended from outside, and
// it is activity when it carries bytes, not for being open.
type stream struct {
	io.ReadCloser
	writer io.Writer // of a socket
	flight *flight
	ended  atomic.Bool
	// last is what a reader is told when the stream is ended.
	last error
}

// watch makes the body of an answer a stream where it is one.
func watch(res *http.Response, f *flight) {
	s := &stream{ReadCloser: res.Body, flight: f}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // what cannot be read is no event stream
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		s.writer, _ = res.Body.(io.Writer) // without one the proxy refuses the upgrade
		s.last = net.ErrClosed
	case kind == "text/event-stream":
		s.last = io.EOF // to the client it ends as if the server had ended it
	default:
		return
	}
	g, gen := f.gate, f.generation
	g.mu.Lock()
	gen.streams[s] = true
	late := gen != g.current || g.state != open
	g.mu.Unlock()
	if late {
		s.end() // the route was switched while the upstream thought
	}
	if s.writer != nil {
		res.Body = socket{s}
	} else {
		res.Body = s
	}
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.carried(n)
	if err != nil && s.ended.Load() {
		err = s.last
	}
	return n, err
}

func (s *stream) Close() error {
	g := s.flight.gate
	g.mu.Lock()
	delete(s.flight.generation.streams, s)
	g.mu.Unlock()
	return s.ReadCloser.Close()
}

func (s *stream) end() {
	s.ended.Store(true)
	_ = s.ReadCloser.Close() // its reader notices
}

func (s *stream) carried(n int) {
	if n > 0 && s.flight.counted {
		s.flight.gate.touch()
	}
}

// socket is a stream that is written to as well.
type socket struct{ *stream }

func (s socket) Write(p []byte) (int, error) {
	n, err := s.writer.Write(p)
	s.carried(n)
	return n, err
}

// CloseWrite tells the upstream that nothing more comes, where it can be told.
func (s socket) CloseWrite() error {
	if c, ok := s.writer.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return s.Close()
}
