package edge

import (
	"hash/maphash"
	"maps"
)

// shards is into how many parts the table is cut, so that a new host among
// 10,000 copies a few hundred entries and not all.
const shards = 64

// table is which environment each host belongs to. It is never changed once it
// can be seen; it is replaced only where hosts come or go.
type table struct {
	seed  maphash.Seed
	parts [shards]map[string]*gate
}

func newTable() *table { return &table{seed: maphash.MakeSeed()} }

func (t *table) part(host string) int { return int(maphash.String(t.seed, host) % shards) }

// find answers nil for a host that is nobody's.
func (t *table) find(host string) *gate { return t.parts[t.part(host)][host] }

// put changes a table that nobody can see yet.
func (t *table) put(host string, g *gate) {
	i := t.part(host)
	if t.parts[i] == nil {
		t.parts[i] = map[string]*gate{}
	}
	t.parts[i][host] = g
}

// differs is whether an environment has hosts that the table does not say, or
// no longer has some that it says.
func (t *table) differs(g *gate, old map[string]*target, now map[string]Target) bool {
	for host := range now {
		if t.find(host) != g {
			return true
		}
	}
	for host := range old {
		if _, ok := now[host]; !ok && t.find(host) == g {
			return true
		}
	}
	return false
}

// with is the table after an environment's hosts have changed.
func (t *table) with(g *gate, old map[string]*target, now map[string]Target) *table {
	next := *t
	var copied [shards]bool
	own := func(host string) {
		if i := next.part(host); !copied[i] {
			next.parts[i], copied[i] = maps.Clone(next.parts[i]), true
		}
	}
	for host := range old {
		if t.find(host) == g {
			own(host)
			delete(next.parts[next.part(host)], host)
		}
	}
	for host := range now {
		own(host)
		next.put(host, g)
	}
	return &next
}
