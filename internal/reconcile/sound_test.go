package reconcile_test

import (
	"fmt"
	"slices"
	"strings"

	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// promised holds that who is told that an environment is ready, or has failed,
// finds it so.
func (w *world) promised(e staging.Environment) {
	w.Helper()
	r, ok := w.server.Load().edge.Route(envID)
	leads := ok && (r.Holding || w.server.Load().edge.Holding(envID) || len(r.Hosts["new.shop.localhost"].Upstreams) > 0)
	if e.Phase == staging.PhaseReady && w.server.Load().life.check() == nil && !leads {
		w.Errorf("it is said to be ready, and the edge has %+v", r)
	}
	if e.Phase == staging.PhaseFailed && w.server.Load().life.check() == nil && (!ok || r.Phase != staging.PhaseFailed) {
		w.Errorf("it is said to have failed, and the edge has %+v", r)
	}
}

// says holds that the hosts of what failed say why.
func (w *world) says(text string) {
	w.Helper()
	if r, _ := w.server.Load().edge.Route(envID); r.Failure == nil || !strings.Contains(r.Failure.Message, text) {
		w.Errorf("the edge has %+v, want %s", r, text)
	}
}

func (w *world) rows() []string {
	w.Helper()
	rows, err := w.store.Resources(w.ctx, envID)
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// things are all that really exists of the environment, sorted.
func (w *world) things() []string {
	w.Helper()
	names := w.platform.Inventory()
	if w.server.Load().Grounds["fake"].Platform.Traits().Grain == platform.GrainBundle {
		// What belongs to a bundle is there as that.
		names = slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, "/workload/") })
	}
	found, err := w.folders.List(w.ctx, envID)
	if err != nil {
		w.Fatal(err)
	}
	for _, o := range found {
		names = append(names, o.Name)
	}
	if w.server.Load().Mail.IsOpen(envID) {
		names = append(names, plan.Mail(envID))
	}
	slices.Sort(names)
	return names
}

// sound holds what must be true whenever nothing is under way.
func (w *world) sound() {
	w.Helper()
	rows := slices.DeleteFunc(w.rows(), func(n string) bool { return strings.Contains(n, "/route/") })
	if things := w.things(); !slices.Equal(things, rows) {
		w.Errorf("what exists is not what the ledger says:\n%v\n%v", things, rows)
	}
	for name, n := range w.platform.Starts() {
		if strings.Contains(name, "/task/") && n > 1 {
			w.Errorf("%s was started %d times", name, n)
		}
	}
	if paused := w.platform.Paused(); len(paused) > 0 {
		w.Errorf("left paused: %v", paused)
	}
	e := w.env()
	if e.Phase == staging.PhaseReady || e.Phase == staging.PhaseDegraded {
		if r, ok := w.server.Load().edge.Route(envID); !ok || r.Holding || w.server.Load().edge.Holding(envID) || len(r.Hosts["new.shop.localhost"].Upstreams) != 1 || r.Destination != w.destination(e) {
			w.Errorf("%s, and the edge has %+v, %v", e.Phase, r, ok)
		}
		if web := plan.Name(envID, staging.ResourceWorkload, "web."+e.Deployed.Deployment+".0"); !w.platform.Running(web) {
			w.Errorf("%s, and %s does not run: %v", e.Phase, web, w.things())
		}
	}
	if e.Phase == staging.PhaseAsleep && slices.ContainsFunc(w.platform.Inventory(), func(n string) bool { return strings.Contains(n, "/workload/") || strings.Contains(n, "/task/") }) {
		w.Errorf("asleep, and there is %v", w.things())
	}
}

// destination is where the hosts of what serves lead.
func (w *world) destination(e staging.Environment) string {
	d := w.deployment(e.Deployed.Deployment)
	d.Options.Scale = e.Desired.Scale
	return plan.Destination(&d)
}

// content is the text of the data that serves.
func (w *world) content() string {
	w.Helper()
	path, err := w.folders.Path(plan.Name(envID, staging.ResourceClone, fmt.Sprintf("db.%d", w.deployment(w.env().Deployed.Deployment).Options.DataResets)))
	if err != nil {
		w.Fatal(err)
	}
	text, err := fakedata.Read(path)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

// gone destroys what is left and holds that nothing stays.
func (w *world) gone() {
	w.Helper()
	w.destroy()
	w.phase(staging.PhaseDestroyed)
	if things, rows := w.things(), w.rows(); len(things) > 0 || len(rows) > 0 {
		w.Errorf("destroyed, and there is %v, rows %v", things, rows)
	}
	if _, ok := w.server.Load().edge.Route(envID); ok {
		w.Error("destroyed, and still routed")
	}
	if n := w.server.Load().Remembered(); n != 0 {
		w.Errorf("destroyed, and %d are remembered", n)
	}
}

// consistent holds that what serves is one revision with the data that it
// knows, whichever it is.
func (w *world) consistent() {
	w.Helper()
	e := w.env()
	if e.Phase == staging.PhaseDestroyed || e.Deployed.Revision == "" {
		return
	}
	if got := w.content(); got != e.Deployed.Revision[3:] {
		w.Errorf("%s serves, and the data is %q", e.Deployed.Revision, got)
	}
}

// serves holds which revision serves, "" for none, and the phase.
func (w *world) serves(sha string, phase staging.Phase) {
	w.Helper()
	if e := w.env(); e.Deployed.Revision != sha || e.Phase != phase {
		w.Errorf("%q serves, and it is %s (%s); want %q and %s; the deployment: %+v", e.Deployed.Revision, e.Phase, e.Reason, sha, phase, w.deployment(e.Current))
	}
}

// holds holds what the data is.
func (w *world) holds(text string) {
	w.Helper()
	if got := w.content(); got != text {
		w.Errorf("the data is %q, want %q", got, text)
	}
}
