package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"offshoot/internal/datastore"
	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// tellEvery is how often the progress of a long operation is written down.
const tellEvery = time.Second

// progress writes into a step what takes time in it, so that whoever follows
// the deployment sees it go on. told is whether it wrote any.
func (a *actor) progress(dep *staging.Deployment, op plan.Op) (tell datastore.Progress, told func() bool) {
	var mu sync.Mutex
	var any bool
	last := a.Now()
	told = func() bool {
		mu.Lock()
		defer mu.Unlock()
		return any
	}
	return func(what string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := a.Now(); now.Sub(last) >= tellEvery {
			last, any = now, true
			a.detail(dep.ID, op.Step, fmt.Sprintf("%s: %s, %s of %s", op.Service, what, human.Size(done), human.Size(total)))
		}
	}, told
}

// saying keeps in a step how far it is, each thing once and none too often: what
// changes in between is not said.
type saying struct {
	mu          sync.Mutex
	text, wrote string
	stop        context.CancelFunc
	done        sync.WaitGroup
}

// sayEvery is how often a step's words are written down at most.
const sayEvery = 2 * time.Second

// saying begins to keep what is said of a step; its end takes the words away, where
// there were any.
func (a *actor) saying(ctx context.Context, dep string, step staging.StepName) *saying {
	ctx, stop := context.WithCancel(ctx)
	s := &saying{stop: stop}
	s.done.Go(func() {
		every := time.NewTicker(sayEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				if s.wrote != "" {
					a.detail(dep, step, "")
				}
				return
			case <-every.C:
			}
			s.mu.Lock()
			text := s.text
			s.mu.Unlock()
			if text != s.wrote {
				s.wrote = text
				a.detail(dep, step, text)
			}
		}
	})
	return s
}

func (s *saying) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = text
}

func (s *saying) end() {
	s.stop()
	s.done.Wait()
}
