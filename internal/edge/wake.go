package edge

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// How often environments may be woken: waking costs processes and memory, and
// whoever knows the names could have all of them started. What is over waits
// for its turn, as long as a request waits at all.
const (
	perEnvironment   = rate.Limit(0.5) // a second
	burstEnvironment = 10
	perSource        = rate.Limit(5)
	burstSource      = 50
	// maxSources bounds what is remembered of sources.
	maxSources = 4096
)

// buckets are a token bucket for each source.
type buckets struct {
	limit rate.Limit
	burst int

	mu  sync.Mutex
	all map[netip.Prefix]*rate.Limiter
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	return &buckets{limit: limit, burst: burst, all: map[netip.Prefix]*rate.Limiter{}}
}

// allow takes a token of the source that remote (HOST:PORT) belongs to.
func (b *buckets) allow(remote string) bool {
	source := sourceOf(remote)
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.all[source]
	if l == nil {
		if len(b.all) >= maxSources {
			b.forget()
		}
		l = rate.NewLimiter(b.limit, b.burst)
		b.all[source] = l
	}
	return l.Allow()
}

// forget drops the sources that are quiet; where none is, all: a flood from
// thousands of addresses is what the environments' own buckets are for.
func (b *buckets) forget() {
	for source, l := range b.all {
		if l.Tokens() >= float64(b.burst) {
			delete(b.all, source)
		}
	}
	if len(b.all) >= maxSources {
		clear(b.all)
	}
}

// sourceOf is an IPv4 address or an IPv6 network of the size that one
// subscriber gets.
func sourceOf(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
