package upkeep

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheDestroyedAreForgottenAfterAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.started(t)
		pass(25 * time.Hour)
		if age := w.now().Sub(w.pruned); age < keepHistory || age > keepHistory+25*time.Hour {
			t.Errorf("forgot what was destroyed %s ago", age)
		}
	})
}
