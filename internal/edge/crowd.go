package edge

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// mostVisitors is how many connections are ever open at a time: each costs
	// some 10 kB.
	mostVisitors = 16384
	// visitorShare is the part of the files this process may have open that
	// connections of one crowd may take. Each of the edge's takes one more to
	// where it leads, and all else that the server does needs some too.
	visitorShare = 5
)

// Crowd bounds the connections that clients have open at listeners, so that
// whoever opens many takes nothing from what else the server does. In a full
// one a newcomer takes the place of the connection that has asked for nothing
// for the longest time; where all are being served, the newcomer is sent away.
// It is safe for concurrent use.
type Crowd struct {
	limit int
	mu    sync.Mutex
	open  map[*visitor]struct{}
}

// NewCrowd is for at most limit connections; 0 is what suits the process.
func NewCrowd(limit int) *Crowd {
	if limit <= 0 {
		limit = mostVisitors
		var files syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
			limit = int(min(mostVisitors, max(1, files.Cur/visitorShare)))
		}
	}
	return &Crowd{limit: limit, open: map[*visitor]struct{}{}}
}

// Listener lets those in who come to l. Its server must be given State.
func (c *Crowd) Listener(l net.Listener) net.Listener { return door{l, c} }

// State is for http.Server.ConnState: who is being served keeps its place.
func (c *Crowd) State(conn net.Conn, state http.ConnState) {
	v, ok := conn.(*visitor)
	if !ok {
		return
	}
	switch state {
	case http.StateNew, http.StateIdle:
		v.idle.Store(time.Now().UnixNano())
	default:
		v.idle.Store(0)
	}
}

// visitor is one connection. It remains a TCP connection, for what of those
// the standard library knows to make use of.
type visitor struct {
	*net.TCPConn
	crowd *Crowd
	// idle is since when nothing is asked, 0 while something is.
	idle atomic.Int64
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	v.crowd.mu.Lock()
	delete(v.crowd.open, v)
	v.crowd.mu.Unlock()
	return v.TCPConn.Close()
}

type door struct {
	net.Listener
	crowd *Crowd
}

// Accept implements net.Listener.
func (d door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		tcp, ok := conn.(*net.TCPConn)
		if err != nil || !ok {
			return conn, err
		}
		v := &visitor{TCPConn: tcp, crowd: d.crowd}
		if gone, in := d.crowd.enter(v); !in {
			_ = tcp.Close()
			continue
		} else if gone != nil {
			_ = gone.Close()
		}
		return v, nil
	}
}

// enter lets v in where there is room, or makes room by who has to go.
func (c *Crowd) enter(v *visitor) (gone *visitor, in bool) {
	v.idle.Store(time.Now().UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.limit {
		since := int64(0)
		for other := range c.open {
			if idle := other.idle.Load(); idle > 0 && (gone == nil || idle < since) {
				gone, since = other, idle
			}
		}
		if gone == nil {
			return nil, false
		}
		delete(c.open, gone)
	}
	c.open[v] = struct{}{}
	return gone, true
}
