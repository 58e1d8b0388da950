package mailbox

import (
	"net"
	"sync"
	"time"
)

// busy is what a client is told for whom there is no room (RFC 5321, 3.8).
const busy = "421 4.3.2 too many connections: try again in a moment\r\n"

// door lets a bounded number of clients in, and can send all of them away.
type door struct {
	net.Listener
	// clients are the places of all doors.
	clients chan struct{}

	mu     sync.Mutex
	inside map[*client]struct{}
	closed bool
}

func newDoor(l net.Listener, clients chan struct{}) *door {
	return &door{Listener: l, clients: clients, inside: map[*client]struct{}{}}
}

// client is one connection; it gives its place back once.
type client struct {
	net.Conn
	door *door
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := d.enter(conn); c != nil {
			return c, nil
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte(busy))
		_ = conn.Close()
	}
}

func (d *door) enter(conn net.Conn) *client {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.inside) >= mostOfOne {
		return nil
	}
	select {
	case d.clients <- struct{}{}:
	default:
		return nil
	}
	c := &client{conn, d}
	d.inside[c] = struct{}{}
	return c
}

// Close implements net.Conn.
func (c *client) Close() error {
	c.door.mu.Lock()
	if _, in := c.door.inside[c]; in {
		delete(c.door.inside, c)
		<-c.door.clients
	}
	c.door.mu.Unlock()
	return c.Conn.Close()
}

// closeAll lets nobody in any more and sends away who is inside.
func (d *door) closeAll() {
	_ = d.Listener.Close()
	d.mu.Lock()
	d.closed = true
	var all []*client
	for c := range d.inside {
		all = append(all, c)
	}
	d.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}
