package reconcile_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/fault"
	"offshoot/internal/staging"
)

// asleep is a world whose environment was deployed and sleeps.
func asleep(t *testing.T) *world {
	w := newWorld(t)
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.edit(func(e *staging.Environment) { e.Awake = false })
	w.phase(staging.PhaseAsleep)
	return w
}

// request asks the edge and answers what it says.
func (w *world) request() *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
	r.Host = "new.shop.localhost"
	answer := httptest.NewRecorder()
	w.server.Load().edge.ServeHTTP(answer, r)
	return answer
}

// TestAWakeThatFailsIsSaidAndTriedAgain holds that who waits for a wake that
// fails is told why, and that the next one is let in once it is mended.
func TestAWakeThatFailsIsSaidAndTriedAgain(t *testing.T) {
	t.Parallel()
	w := asleep(t)
	heal := w.data["postgres"].Break(fault.Fault{Method: fakedata.Ready, Effect: fault.Fail})
	w.edit(func(e *staging.Environment) { e.Awake = true })
	a := w.request()
	if a.Code != http.StatusServiceUnavailable || !strings.Contains(a.Body.String(), `"class":"data"`) || !strings.Contains(a.Body.String(), `"hint":`) {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	w.until("what to do is said to all", func() bool { return strings.HasSuffix(w.env().Reason, "; look at the last lines of the server") })
	heal()
	w.phase(staging.PhaseReady)
	w.sound()
	w.gone()
}

// TestDataThatDoesNotComeBack holds that a deployment ends although the data
// server of before does not answer any more after its release was undone; it is
// tried on.
func TestDataThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deploy("revA")
	w.phase(staging.PhaseReady)
	w.spoil("revB", "migrate")
	heal := w.data["postgres"].Break(fault.Fault{Method: fakedata.Ready, Effect: fault.Fail})
	w.deploy("revB")
	w.until("the deployment has ended", func() bool { return w.deployment(w.env().Current).Outcome == staging.OutcomeFailed })
	w.until("it is said", func() bool { return strings.Contains(w.env().Reason, "datastore db") })
	if a := w.request(); a.Code != http.StatusServiceUnavailable || !strings.Contains(a.Body.String(), `"class":"data"`) {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	heal()
	w.phase(staging.PhaseDegraded)
	w.serves("revA", staging.PhaseDegraded)
	w.holds("A")
	w.sound()
	w.gone()
}
