package docker

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// taskRecord outlives a task's container, which anybody who tidies up the engine
// removes once it has ended: a task that began is never begun again.
type taskRecord struct {
	SpecHash string `json:"spec_hash"`
	// Began is written before the start.
	Began time.Time            `json:"began"`
	End   *staging.Observation `json:"end,omitempty"`
}

func (d *Driver) recordBegin(r platform.Resource) error {
	if r.Kind != staging.ResourceTask {
		return nil
	}
	return writeFile(d.file(r.Name), taskRecord{SpecHash: r.SpecHash, Began: time.Now().UTC()})
}

// recordEnd writes down, once, how a task ended.
func (d *Driver) recordEnd(ref platform.Ref, o staging.Observation) {
	d.recording.Lock() // many look at once
	defer d.recording.Unlock()
	var known taskRecord
	if ref.Kind != staging.ResourceTask || readFile(d.file(ref.Name), &known) != nil || known.End != nil {
		return
	}
	known.End = &o
	if err := writeFile(d.file(ref.Name), known); err != nil {
		d.log.Warn("write down how a task ended", "name", ref.Name, "error", err)
	}
}

// removed is what is known of a task whose container somebody removed.
func (d *Driver) removed(ref platform.Ref) (staging.Observation, error) {
	if ref.Kind != staging.ResourceTask {
		return staging.Observation{}, errMissing
	}
	var known taskRecord
	err := readFile(d.file(ref.Name), &known)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return staging.Observation{}, errMissing
	case err != nil:
		return staging.Observation{}, err
	case known.End != nil:
		return *known.End, nil
	}
	return staging.Observation{Presence: staging.Present, SpecHash: known.SpecHash, Run: staging.RunExited, StartedAt: known.Began,
		Reason: "its container was removed by somebody else: how it ended is not known"}, nil
}

// taskEnds has the end of a task written down as soon as it is told.
func (d *Driver) taskEnds(name, owner string) {
	d.life.Go(func() {
		ctx, cancel := context.WithTimeout(d.living, lookTime)
		defer cancel()
		_, _ = d.Observe(ctx, platform.Ref{Kind: staging.ResourceTask, Name: name, Owner: owner}) // it writes it down
	})
}
