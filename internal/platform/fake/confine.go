package fake

import (
	"context"

	"offshoot/internal/platform"
)

// Confine implements platform.Confiner: it is only remembered.
func (d *Driver) Confine(_ context.Context, owner string, to *platform.Outbound) error {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if to == nil {
		delete(d.w.confined, owner)
		return nil
	}
	d.w.confined[owner] = *to
	return nil
}

// Blocked implements platform.Confiner: nothing connects anywhere.
func (d *Driver) Blocked(context.Context, string) ([]platform.Blocked, error) { return nil, nil }

// Confined is where an owner may connect to outside, false for anywhere.
func (w *World) Confined(owner string) ([]string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to, ok := w.confined[owner]
	return to.Hosts, ok
}
