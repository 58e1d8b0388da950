package docker_test

import (
	"context"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

func networksOf(w *world) []network.Summary {
	w.Helper()
	all, err := w.engine.NetworkList(w.ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("label", "offshoot.owner="+w.owner)})
	if err != nil {
		w.Fatal(err)
	}
	return all.Items
}

// TestAScopeGivenUpIsMadeOnce holds that the engine, which goes on with what it
// has begun, is not asked for a second network of the same name.
func TestAScopeGivenUpIsMadeOnce(t *testing.T) {
	w := newWorld(t, docker.Config{})
	for i := range 20 { // at many moments of it
		ctx, cancel := context.WithTimeout(w.ctx, time.Duration(i)*4*time.Millisecond)
		_, _ = w.Apply(ctx, w.scope())
		cancel()
		w.apply(w.scope())
		if all := networksOf(w); len(all) != 1 {
			t.Fatalf("%d networks: %+v", len(all), all)
		}
		if err := w.Delete(w.ctx, refOf(w.scope())); err != nil {
			t.Fatal(err)
		}
		if all := networksOf(w); len(all) != 0 {
			t.Fatalf("left: %+v", all)
		}
	}
}

// TestATwinOfANetworkGoes holds that one which a killed server's order left
// stands in nobody's way: the engine answers no question about a name twice given.
func TestATwinOfANetworkGoes(t *testing.T) {
	w := newWorld(t, docker.Config{})
	w.apply(w.scope())
	ours := networksOf(w)[0]
	subnet := netip.MustParsePrefix("10.211.77.0/24")
	if _, err := w.engine.NetworkCreate(w.ctx, ours.Name, client.NetworkCreateOptions{Driver: "bridge", Labels: maps.Clone(ours.Labels),
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}}); err != nil {
		t.Fatal(err)
	}
	if o := w.look(w.scope()); o.Presence != staging.Present {
		t.Errorf("it is %+v", o)
	}
	if all := networksOf(w); len(all) != 1 || all[0].ID != ours.ID {
		t.Errorf("networks: %+v", all)
	}
}
