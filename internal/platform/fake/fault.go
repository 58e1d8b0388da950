package fake

import (
	"context"
	"errors"
	"fmt"

	"offshoot/internal/staging"
)

// Method is a method of the driver.
type Method string

// The methods that can fail.
const (
	Apply   Method = "apply"
	Observe Method = "observe"
	Delete  Method = "delete"
	List    Method = "list"
	Wait    Method = "wait"
	Pause   Method = "pause"
	Resume  Method = "resume"
)

// Effect is what goes wrong with a call.
type Effect string

// The effects.
const (
	// Fail does nothing and answers an error.
	Fail Effect = "fail"
	// Lose does what was asked, and answers an error.
	Lose Effect = "lose"
	// Hang does nothing until the call's context ends or the fault is healed.
	Hang Effect = "hang"
	// Blind cannot see: an observation is unknown, all else fails.
	Blind Effect = "blind"
)

// Fault says which calls go wrong, and how.
type Fault struct {
	// Method and Kind select calls, "" for any.
	Method Method
	Kind   staging.ResourceKind
	// Nth is the one of the selected calls from now on that goes wrong,
	// counted from 1; 0 for all of them.
	Nth    int
	Effect Effect
}

// Call is one call that was made.
type Call struct {
	Method Method
	Kind   staging.ResourceKind
	Name   string
}

type fault struct {
	Fault
	met    int
	healed chan struct{}
}

var errInjected = errors.New("injected failure")

// Break lets calls go wrong from now on; heal ends that, and lets go on what
// hangs. It may be called more than once.
func (w *World) Break(f Fault) (heal func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	broken := &fault{Fault: f, healed: make(chan struct{})}
	w.faults = append(w.faults, broken)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, o := range w.faults {
			if o == broken {
				w.faults = append(w.faults[:i:i], w.faults[i+1:]...)
				close(broken.healed)
				return
			}
		}
	}
}

// Calls are all that were made so far, in order.
func (w *World) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Call(nil), w.calls...)
}

// enter notes a call and meets the fault that waits for it. What must go
// wrong after the effect is answered as lost.
func (w *World) enter(ctx context.Context, c Call) (lost error, err error) {
	w.mu.Lock()
	w.calls = append(w.calls, c)
	var met *fault
	for _, f := range w.faults {
		if (f.Method == "" || f.Method == c.Method) && (f.Kind == "" || f.Kind == c.Kind) {
			if f.met++; f.Nth == 0 || f.Nth == f.met {
				met = f
				break
			}
		}
	}
	w.mu.Unlock()
	if met == nil {
		return nil, ctx.Err()
	}
	failure := fmt.Errorf("%s %s: %w", c.Method, c.Name, errInjected)
	switch met.Effect {
	case Hang:
		select {
		case <-ctx.Done():
		case <-met.healed:
		}
		return nil, ctx.Err()
	case Lose:
		return failure, ctx.Err()
	}
	return nil, failure
}
