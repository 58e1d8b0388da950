package reconcile

import (
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
