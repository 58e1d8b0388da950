// Package fault lets the calls of fakes go wrong when a test says so: the Nth
// of a kind, before its effect or after it, or never coming to an end.
//
// It is for tests alone.
package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	// Blind cannot see: an observation is unknown; all else fails.
	Blind Effect = "blind"
)

// Call is one call that was made.
type Call struct{ Method, Kind, Name string }

// Fault says which calls go wrong, and how.
type Fault struct {
	// Method and Kind select calls, "" for any.
	Method, Kind string
	// Nth is the one of the selected calls from now on that goes wrong,
	// counted from 1; 0 for all of them.
	Nth    int
	Effect Effect
}

// ErrInjected is what failures that were ordered wrap.
var ErrInjected = errors.New("injected failure")

// Points notes calls and lets them go wrong. The zero value is ready and lets
// everything go well. It is safe for concurrent use.
type Points struct {
	mu     sync.Mutex
	faults []*ordered
	calls  []Call
}

type ordered struct {
	Fault
	met    int
	healed chan struct{}
}

// Break lets calls go wrong from now on; heal ends that, and lets go on what
// hangs. It may be called more than once.
func (p *Points) Break(f Fault) (heal func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	broken := &ordered{Fault: f, healed: make(chan struct{})}
	p.faults = append(p.faults, broken)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if i := slices.Index(p.faults, broken); i >= 0 {
			p.faults = slices.Delete(p.faults, i, i+1)
			close(broken.healed)
		}
	}
}

// Calls are all that were made so far, in order.
func (p *Points) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Enter notes a call and meets the fault that waits for it. Where err is set
// nothing may be done; where lost is, it is to be answered after the effect.
func (p *Points) Enter(ctx context.Context, c Call) (lost, err error) {
	met := p.meet(c)
	if met == nil {
		return nil, ctx.Err()
	}
	failure := fmt.Errorf("%s %s: %w", c.Method, c.Name, ErrInjected)
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

func (p *Points) meet(c Call) *ordered {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
	for _, f := range p.faults {
		if (f.Method == "" || f.Method == c.Method) && (f.Kind == "" || f.Kind == c.Kind) {
			if f.met++; f.Nth == 0 || f.Nth == f.met {
				return f
			}
		}
	}
	return nil
}
