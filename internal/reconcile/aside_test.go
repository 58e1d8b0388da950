package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/plan"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
)

// TestReplacedDataGoesAfterItsDay holds that what was replaced is there until
// its day is over, and then goes from the disk and the ledger by itself, and
// nothing else does.
func TestReplacedDataGoesAfterItsDay(t *testing.T) {
	w := newWorld(t)
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.change(func(e *staging.Environment) { e.Desired.DataReset = "none"; e.Desired.DataResets++ }, "revA")
	w.rested()
	asides := func() (rows, folders int) {
		for _, r := range w.rows() {
			if strings.Contains(r, "/"+string(staging.ResourceAside)+"/") {
				rows++
			}
		}
		for _, thing := range w.things() {
			if strings.Contains(thing, string(staging.ResourceAside)) {
				folders++
			}
		}
		return rows, folders
	}
	rows, folders := asides()
	if rows == 0 || folders == 0 {
		t.Fatalf("%d rows and %d folders of replaced data: %v", rows, folders, w.things())
	}
	others := func() []string {
		return slices.DeleteFunc(w.things(), func(s string) bool { return strings.Contains(s, string(staging.ResourceAside)) })
	}
	before := others()

	due := func(later time.Duration) {
		w.later.Store(int64(later))
		if err := w.server.Load().KickDue(w.ctx); err != nil {
			t.Fatal(err)
		}
	}
	due(plan.KeepAside - time.Hour)
	w.rested()
	if r, f := asides(); r != rows || f != folders {
		t.Errorf("within the day %d rows and %d folders are left", r, f)
	}
	list, err := w.store.Resources(w.ctx, envID)
	if last, ok := reconcile.LastAside(list, time.Now().Add(plan.KeepAside-time.Hour)); err != nil || !ok || last.Until.Sub(last.At) != 24*time.Hour {
		t.Errorf("within the day undo finds %+v, %v, %v", last, ok, err)
	}
	due(plan.KeepAside + time.Minute)
	w.until("the replaced data is gone", func() bool { r, f := asides(); return r == 0 && f == 0 })
	w.rested()
	if now := others(); !slices.Equal(now, before) {
		t.Errorf("%v became %v", before, now)
	}
	w.serves("revA", staging.PhaseReady)
	w.holds("A")
	w.sound()
	w.gone()
}
