package edge

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// skipDead is how long an upstream that could not be reached, or broke off, is not
// tried while another one can: connections to what is ending may still be open.
const skipDead = time.Second

// target is one service's upstreams, asked in turn.
type target struct {
	service   string
	upstreams []upstream
	next      atomic.Uint64
}

type upstream struct {
	address string
	// dead is until when it is skipped, nanoseconds since 1970.
	dead *atomic.Int64
}

func newTarget(t Target) *target {
	made := &target{service: t.Service}
	for _, a := range t.Upstreams {
		made.upstreams = append(made.upstreams, upstream{a, &atomic.Int64{}})
	}
	return made
}

// order is which upstreams to try: the next in turn first, those that were dead
// a moment ago last.
func (t *target) order() []upstream {
	n := len(t.upstreams)
	if n == 1 {
		return t.upstreams
	}
	first := int(t.next.Add(1) % uint64(n))
	now := time.Now().UnixNano()
	alive, dead := make([]upstream, 0, n), []upstream(nil)
	for i := range n {
		u := t.upstreams[(first+i)%n]
		if u.dead.Load() > now {
			dead = append(dead, u)
		} else {
			alive = append(alive, u)
		}
	}
	return append(alive, dead...)
}

// balance sends a request to the first upstream that can be reached. What was
// sent to one is never sent to another: only a failed dial goes on.
type balance struct{ h1, h2 http.RoundTripper }

func (b balance) RoundTrip(r *http.Request) (res *http.Response, err error) {
	speak := b.h1
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		speak = b.h2 // HTTP/2 in the clear, for gRPC services alone
	}
	for _, u := range flightOf(r).target.order() {
		r.URL.Host = u.address
		if res, err = speak.RoundTrip(r); err == nil || r.Context().Err() != nil {
			return res, err
		}
		u.dead.Store(time.Now().Add(skipDead).UnixNano())
		if !undialled(err) {
			return nil, err
		}
	}
	return nil, err
}

// undialled is whether nothing was sent because nobody listens.
func undialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
