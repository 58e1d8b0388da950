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
// the deployment sees it go on.
func (a *actor) progress(dep *staging.Deployment, op plan.Op) datastore.Progress {
	var mu sync.Mutex
	last := a.Now()
	return func(what string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := a.Now(); now.Sub(last) >= tellEvery {
			last = now
			a.detail(dep.ID, op.Step, fmt.Sprintf("%s: %s, %s of %s", op.Service, what, human.Size(done), human.Size(total)))
		}
	}
}
