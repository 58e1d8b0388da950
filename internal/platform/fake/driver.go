package fake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/fault"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Driver implements platform.Driver, Logger, Attacher, Rester, Preparer and
// Meter on a World.
type Driver struct{ w *World }

// Traits implements platform.Driver.
func (d *Driver) Traits() platform.Traits {
	return platform.Traits{Name: "fake", Grain: d.w.options.Grain, EndsWithHost: true, OwnPorts: true, Isolation: "nothing runs"}
}

var (
	ownerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	restName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)
)

func check(ref platform.Ref) error {
	rest, ok := strings.CutPrefix(ref.Name, ref.Owner+"/"+string(ref.Kind)+"/")
	if !ok || !ownerName.MatchString(ref.Owner) || !restName.MatchString(rest) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no name of a %s of %q", ref.Name, ref.Kind, ref.Owner)
	}
	return nil
}

// Apply implements platform.Driver.
func (d *Driver) Apply(ctx context.Context, r platform.Resource) (staging.Observation, error) {
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if err := check(ref); err != nil {
		return staging.Observation{}, err
	}
	lost, err := d.w.Enter(ctx, fault.Call{Method: Apply, Kind: string(r.Kind), Name: r.Name})
	if err != nil {
		return staging.Observation{}, err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if err := d.w.apply(r); err != nil {
		return staging.Observation{}, err
	}
	return d.w.observe(ref), lost
}

func (w *World) apply(r platform.Resource) error {
	if r.Kind == staging.ResourceBundle {
		return w.applyBundle(r)
	}
	if t := w.things[r.Name]; t != nil {
		if t.resource.SpecHash != r.SpecHash {
			return staging.Errorf(staging.CodeInternal, "", "another specification has the name %s", r.Name)
		}
		// What crashed for good is started again; what ended is not.
		return nil
	}
	if _, in := w.things[r.Owner+"/scope/0"]; !in && r.Kind != staging.ResourceScope {
		return fmt.Errorf("%s has no scope", r.Owner)
	}
	w.last++
	t := &thing{resource: r, seen: staging.Observation{Kind: r.Kind, Name: r.Name, Owner: r.Owner, Presence: staging.Present,
		Ref: strconv.Itoa(w.last), SpecHash: r.SpecHash}}
	switch r.Kind {
	case staging.ResourceScope:
	case staging.ResourceEndpoint:
		t.seen.Address = w.address(r)
	case staging.ResourceTask, staging.ResourceWorkload:
		if r.Workload == nil || r.Kind == staging.ResourceWorkload && w.options.Grain == platform.GrainBundle {
			return staging.Errorf(staging.CodeInternal, "", "%s is not what this platform takes", r.Name)
		}
		t.does = w.options.Behave(*r.Workload)
	case staging.ResourceBuild:
		if r.Build == nil {
			return errors.New("nothing says what to build")
		}
		spec := staging.WorkloadSpec{Service: "build", Role: staging.RoleBuild}
		if len(r.Build.Steps) > 0 {
			spec.Command = r.Build.Steps[0].Command
		}
		t.does = w.options.Behave(spec)
		_, t.does.hasArtifact = w.artifacts["artifact "+r.Build.Key]
	default:
		return staging.Errorf(staging.CodeInternal, "", "the fake platform makes no %s", r.Kind)
	}
	w.things[r.Name] = t
	if r.Workload != nil || r.Build != nil {
		w.begin(t)
	}
	w.change()
	return nil
}

// address is a name of the endpoint's own in a network that there is not, under
// a domain that never resolves (RFC 6761).
func (w *World) address(r platform.Resource) string {
	if w.options.Address != nil {
		return w.options.Address(r.Name)
	}
	return net.JoinHostPort(strings.ToLower(strings.NewReplacer("/", ".", "_", "-").Replace(r.Name))+".invalid", strconv.Itoa(r.Endpoint.Port))
}

// Observe implements platform.Driver.
func (d *Driver) Observe(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	if err := check(ref); err != nil {
		return staging.Observation{}, err
	}
	unknown := staging.Observation{Kind: ref.Kind, Name: ref.Name, Owner: ref.Owner, Presence: staging.Unknown}
	lost, err := d.w.Enter(ctx, fault.Call{Method: Observe, Kind: string(ref.Kind), Name: ref.Name})
	if err = errors.Join(lost, err); err != nil {
		unknown.Reason = err.Error()
		return unknown, nil
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return d.w.observe(ref), nil
}

func (w *World) observe(ref platform.Ref) staging.Observation {
	if t := w.things[ref.Name]; t != nil {
		return t.seen
	}
	return staging.Observation{Kind: ref.Kind, Name: ref.Name, Owner: ref.Owner, Presence: staging.Absent}
}

// Delete implements platform.Driver.
func (d *Driver) Delete(ctx context.Context, ref platform.Ref) error {
	if err := check(ref); err != nil {
		return err
	}
	lost, err := d.w.Enter(ctx, fault.Call{Method: Delete, Kind: string(ref.Kind), Name: ref.Name})
	if err != nil {
		return err
	}
	if err := d.w.grace(ctx, ref); err != nil {
		return err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	t := d.w.things[ref.Name]
	switch {
	case t == nil:
		return lost
	case t.bundle != "":
		return staging.Errorf(staging.CodeInternal, "", "%s belongs to %s", ref.Name, t.bundle)
	}
	d.w.remove(t)
	if ref.Kind == staging.ResourceScope {
		for name, o := range d.w.things {
			if o.resource.Owner == ref.Owner {
				d.w.remove(d.w.things[name])
			}
		}
	}
	return lost
}

// grace waits for what does not want to end.
func (w *World) grace(ctx context.Context, ref platform.Ref) error {
	w.mu.Lock()
	longest := time.Duration(0)
	for name, t := range w.things {
		inside := name == ref.Name || t.bundle == ref.Name || ref.Kind == staging.ResourceScope && t.resource.Owner == ref.Owner
		if inside && t.does.Stubborn && t.seen.Run == staging.RunRunning && !(ref.Discard && t.resource.Workload.DiscardSignal != "") {
			longest = max(longest, t.resource.Workload.StopGrace)
		}
	}
	w.mu.Unlock()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s was asked to end and has not yet: %w", ref.Name, ctx.Err())
	}
}

// remove takes a thing and what belongs to it out of the world.
func (w *World) remove(t *thing) {
	if t == nil {
		return
	}
	t.stopTimers()
	delete(w.things, t.resource.Name)
	if t.resource.Kind == staging.ResourceScope {
		delete(w.confined, t.resource.Owner)
	}
	for name, o := range w.things {
		if o.bundle == t.resource.Name {
			o.stopTimers()
			delete(w.things, name)
		}
	}
	w.change()
}

// List implements platform.Driver. What belongs to a bundle is listed as that.
func (d *Driver) List(ctx context.Context, owner string) ([]staging.Observation, error) {
	lost, err := d.w.Enter(ctx, fault.Call{Method: List, Name: owner})
	if err = errors.Join(lost, err); err != nil {
		return nil, err
	}
	var all []staging.Observation
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for _, t := range d.w.things {
		if t.bundle == "" && (owner == "" || t.resource.Owner == owner) {
			all = append(all, t.seen)
		}
	}
	slices.SortFunc(all, func(a, b staging.Observation) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Wait implements platform.Driver.
func (d *Driver) Wait(ctx context.Context, ref platform.Ref, seen staging.Observation) (staging.Observation, error) {
	if err := check(ref); err != nil {
		return staging.Observation{}, err
	}
	if _, err := d.w.Enter(ctx, fault.Call{Method: Wait, Kind: string(ref.Kind), Name: ref.Name}); err != nil && ctx.Err() == nil {
		return staging.Observation{Kind: ref.Kind, Name: ref.Name, Owner: ref.Owner, Presence: staging.Unknown, Reason: err.Error()}, nil
	}
	for {
		d.w.mu.Lock()
		o, changed := d.w.observe(ref), d.w.changed
		d.w.mu.Unlock()
		if o.Run != seen.Run || o.Presence != seen.Presence || ctx.Err() != nil {
			return o, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}
