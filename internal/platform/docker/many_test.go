package docker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"offshoot/internal/platform"
	"offshoot/internal/platform/docker"
	"offshoot/internal/staging"
)

// many are environments of one server at a time; engines have room for some thirty
// where they choose the addresses themselves.
const many = 40

// TestManyEnvironmentsHaveNetworksOfTheirOwn holds that each gets a subnet that no
// other has, however many are made side by side, and that nothing is left of them.
func TestManyEnvironmentsHaveNetworksOfTheirOwn(t *testing.T) {
	w := newWorld(t, docker.Config{})
	owners := make([]string, many)
	each := func(do func(scope, door platform.Resource) error) {
		t.Helper()
		began := time.Now()
		var all errgroup.Group
		all.SetLimit(8)
		for i := range owners {
			if owners[i] == "" {
				owners[i] = staging.NewID(staging.EnvironmentPrefix)
			}
			of := *w
			of.owner = owners[i]
			all.Go(func() error { return do(of.scope(), of.endpoint("door", "", 0)) })
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d in %v", many, time.Since(began))
	}
	t.Cleanup(func() {
		each(func(scope, _ platform.Resource) error { return w.Delete(context.Background(), refOf(scope)) })
	})
	var mu sync.Mutex
	addresses := map[string]bool{}
	each(func(scope, door platform.Resource) error {
		if _, err := w.Apply(w.ctx, scope); err != nil {
			return err
		}
		o, err := w.Apply(w.ctx, door)
		mu.Lock()
		defer mu.Unlock()
		addresses[o.Address] = true
		return err
	})
	if len(addresses) != many {
		t.Errorf("%d environments have %d addresses", many, len(addresses))
	}
	each(func(scope, _ platform.Resource) error { return w.Delete(w.ctx, refOf(scope)) })
	if left, err := w.List(w.ctx, ""); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
