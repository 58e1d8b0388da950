package control

import (
	"context"
	"sync"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Space measures the folders of the ledger.
type Space interface {
	Usage(resource string) (copytree.Space, error)
}

const (
	// measuredFor is how long a measured size is shown before it is measured
	// anew.
	measuredFor = 10 * time.Second
	// mostMeasured bounds what is remembered of each kind. Where it is reached
	// all is forgotten: what is still looked at is measured again.
	mostMeasured = 10_000
)

// measure remembers sizes, by the clone's ledger name, and how far data is
// ahead, by what it is a function of.
type measure struct {
	mu    sync.Mutex
	sizes map[string]measured
	ahead map[string]*staging.Ahead
}

type measured struct {
	space copytree.Space
	at    time.Time
}

func newMeasure() *measure {
	return &measure{sizes: map[string]measured{}, ahead: map[string]*staging.Ahead{}}
}

// dataOf is what people see of an environment's data. Only for one environment
// at a time (live) is anything measured; a list shows what was measured last.
func (s *Service) dataOf(ctx context.Context, env staging.Environment, dep *staging.Deployment, live bool) []wire.Data {
	items := []wire.Data{}
	for _, d := range env.Data {
		item := wire.Data{Name: d.Name, Kind: d.Kind, Engine: d.Engine, Strategy: d.Strategy, Seeded: d.Seeded, SizeBytes: d.SizeBytes}
		if dep != nil && env.DestroyedAt.IsZero() {
			if space, ok := s.spaceOf(plan.CloneName(dep, d.Name), live); ok {
				item.SizeBytes, item.UniqueBytes = space.Logical, space.Unique
			}
		}
		if d.Snapshot != "" {
			age := int64(s.Now().Sub(d.SnapshotTakenAt).Seconds())
			item.Snapshot, item.SnapshotTakenAt, item.AgeSeconds = &d.Snapshot, &d.SnapshotTakenAt, &age
			if dep != nil && dep.Stack != nil {
				item.Ahead = s.aheadOf(ctx, env.Project, d.SnapshotRevision, dep.Revision.ID, dep.Stack.Migrations, live)
			}
		}
		items = append(items, item)
	}
	return items
}

func (s *Service) spaceOf(clone string, live bool) (copytree.Space, bool) {
	s.measure.mu.Lock()
	m, ok := s.measure.sizes[clone]
	s.measure.mu.Unlock()
	if !live || ok && s.Now().Sub(m.at) < measuredFor {
		return m.space, ok
	}
	space, err := s.Space.Usage(clone)
	if err != nil {
		s.Log.Debug("measure", "resource", clone, "error", err)
		return m.space, ok
	}
	s.measure.mu.Lock()
	defer s.measure.mu.Unlock()
	remember(s.measure.sizes, clone, measured{space, s.Now()})
	return space, true
}

// aheadOf is nil where the data is not ahead, and where Git cannot tell.
func (s *Service) aheadOf(ctx context.Context, project, data, revision string, migrations []string, live bool) *staging.Ahead {
	if data == "" || data == revision {
		return nil
	}
	key := hash([]any{project, data, revision, migrations})
	s.measure.mu.Lock()
	ahead, ok := s.measure.ahead[key]
	s.measure.mu.Unlock()
	if ok || !live {
		return ahead
	}
	ahead, err := s.Source.Ahead(ctx, project, data, revision, migrations)
	if err != nil {
		s.Log.Debug("how far the data is ahead", "project", project, "error", err)
		return nil
	}
	s.measure.mu.Lock()
	defer s.measure.mu.Unlock()
	remember(s.measure.ahead, key, ahead)
	return ahead
}

func remember[V any](known map[string]V, key string, v V) {
	if _, ok := known[key]; !ok && len(known) >= mostMeasured {
		clear(known)
	}
	known[key] = v
}

// Ahead is how far data taken at one revision is ahead of another, nil where it
// is not or nobody can tell.
func (s *Service) Ahead(ctx context.Context, project, data, revision string, migrations []string) *staging.Ahead {
	return s.aheadOf(ctx, project, data, revision, migrations, true)
}
