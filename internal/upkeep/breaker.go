package upkeep

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"offshoot/internal/staging"
)

// The bounds of deletions that no person asked for, within window and from one
// cause: a share of all environments, but some always.
const (
	window           = time.Hour
	fewUnwarned      = 5
	unwarnedPercent  = 10
	fewWarned        = 20
	warnedPercent    = 50
	breakerSetting   = "upkeep.breaker"
	maxWaitingListed = 1000
)

// breakerState is what the breaker remembers.
type breakerState struct {
	// Deletions are those of the last hour, Halts what was stopped by cause.
	Deletions []deletion       `json:"deletions"`
	Halts     map[string]*halt `json:"halts"`
	// Approved are environments that a person has seen would go.
	Approved []string `json:"approved"`
}

type deletion struct {
	At          time.Time `json:"at"`
	Environment string    `json:"environment"`
	Cause       string    `json:"cause"`
}

type halt struct {
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Waiting []string  `json:"waiting"`
}

// allow decides about one deletion and notes it. A cause that was halted stays
// halted until a person goes on, however long that takes. fresh is whether this
// one halted it.
func (b *breakerState) allow(now time.Time, id, cause string, warned bool, population int) (ok, fresh bool) {
	b.Deletions = slices.DeleteFunc(b.Deletions, func(d deletion) bool { return now.Sub(d.At) >= window || d.At.After(now.Add(window)) })
	if i := slices.Index(b.Approved, id); i >= 0 {
		b.Approved = slices.Delete(b.Approved, i, i+1)
		return true, false
	}
	if h := b.Halts[cause]; h != nil {
		if !slices.Contains(h.Waiting, id) && len(h.Waiting) < maxWaitingListed {
			h.Waiting = append(h.Waiting, id)
		}
		return false, false
	}
	already := 0
	for _, d := range b.Deletions {
		if d.Cause == cause {
			already++
		}
	}
	limit := max(fewUnwarned, population*unwarnedPercent/100)
	if warned {
		limit = max(fewWarned, population*warnedPercent/100)
	}
	if already >= limit {
		if b.Halts == nil {
			b.Halts = map[string]*halt{}
		}
		b.Halts[cause] = &halt{At: now, Waiting: []string{id},
			Reason: fmt.Sprintf("more than %d of %d environments would go within an hour: %s", limit, population, cause)}
		return false, true
	}
	b.Deletions = append(b.Deletions, deletion{At: now, Environment: id, Cause: cause})
	return true, false
}

// goOn lets what waits go: a person has looked at it.
func (b *breakerState) goOn() (approved int) {
	for cause, h := range b.Halts {
		b.Approved = append(b.Approved, h.Waiting...)
		approved += len(h.Waiting)
		b.Deletions = slices.DeleteFunc(b.Deletions, func(d deletion) bool { return d.Cause == cause })
	}
	b.Halts = nil
	return approved
}

// halted is why deletions are stopped, "" where they are not.
func (b *breakerState) halted() string {
	for _, cause := range slices.Sorted(maps.Keys(b.Halts)) {
		return b.Halts[cause].Reason
	}
	return ""
}

// waits is why an environment would go that was stopped, "" where it was not.
func (b *breakerState) waits(id string) string {
	for cause, h := range b.Halts {
		if slices.Contains(h.Waiting, id) {
			return cause
		}
	}
	return ""
}

// Breaker stops mass deletions that no person asked for (invariant 6).
type Breaker struct{ Now func() time.Time }

// Allow decides, in the transaction that would delete, about an environment
// among population that nobody asked to delete. Where it is refused the caller
// must commit all the same: the refusal is remembered, and announced once.
func (b Breaker) Allow(ctx context.Context, w Writer, e staging.Environment, cause string, population int) (bool, error) {
	state, err := loadBreaker(ctx, w)
	if err != nil {
		return false, err
	}
	now := b.Now()
	ok, fresh := state.allow(now, e.ID, cause, cause == staging.CauseExpired, population)
	if fresh {
		if _, err := w.AppendEvent(ctx, staging.Event{At: now, Type: "sweeper.halted", Actor: "server",
			Message: state.Halts[cause].Reason + "; nothing more goes until a person has looked: offshoot sweep --dry-run, then offshoot sweep --go-on",
			Detail:  map[string]any{"cause": cause, "environment": e.ID}}); err != nil {
			return false, err
		}
	}
	return ok, saveSetting(ctx, w, breakerSetting, state)
}

func loadBreaker(ctx context.Context, r settings) (*breakerState, error) {
	state := &breakerState{}
	return state, loadSetting(ctx, r, breakerSetting, state)
}

// settings is where small things are remembered.
type settings interface {
	Setting(ctx context.Context, key string) (value string, found bool, err error)
}

func loadSetting(ctx context.Context, r settings, key string, into any) error {
	text, found, err := r.Setting(ctx, key)
	if err != nil || !found {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("setting %s: %w", key, err)
	}
	return nil
}

func saveSetting(ctx context.Context, w Writer, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.PutSetting(ctx, key, string(text))
}
