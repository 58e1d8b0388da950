package e2e

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// workloads waits until the engine has so many containers of the script's servers:
// workloads N STATE.
func workloads(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: workloads N STATE")
	}
	d, err := engineOf(ts.Getenv("OFFSHOOT_DATA_DIR"))
	ts.Check(err)
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ts.Check(datastore.Poll(ctx, func(ctx context.Context) error {
		all, err := d.List(ctx, "")
		n := 0
		for _, o := range all {
			if o.Kind == staging.ResourceWorkload && string(o.Run) == args[1] {
				n++
			}
		}
		if err == nil && strconv.Itoa(n) != args[0] {
			err = fmt.Errorf("%d are %s: %+v", n, args[1], all)
		}
		return err
	}))
}
