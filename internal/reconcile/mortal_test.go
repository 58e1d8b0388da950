package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"offshoot/internal/datastore"
	fakedata "offshoot/internal/datastore/fake"
	"offshoot/internal/plan"
	"offshoot/internal/platform"
	fakeplatform "offshoot/internal/platform/fake"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/storage"
	"offshoot/internal/store"
)

// mortalStore dies at a write.
type mortalStore struct {
	*store.Store
	life *life
}

func (m mortalStore) Read(ctx context.Context, do func(reconcile.Reader) error) error {
	if err := m.life.check(); err != nil {
		return err
	}
	return m.Store.Read(ctx, func(r store.Readers) error { return do(r) })
}

func (m mortalStore) Write(ctx context.Context, do func(reconcile.Writer) error) error {
	return m.write(func() error { return m.Store.Write(ctx, func(t *store.Tx) error { return do(t) }) })
}

func (m mortalStore) WriteSoon(ctx context.Context, do func(reconcile.Writer) error) error {
	return m.write(func() error { return m.Store.WriteSoon(ctx, func(t *store.Tx) error { return do(t) }) })
}

func (m mortalStore) write(do func() error) error {
	if err := m.life.check(); err != nil {
		return err
	}
	n := m.life.writes.Add(1)
	dies := n == m.life.kill
	if dies && !m.life.after {
		m.life.end()
		return errDead
	}
	err := do()
	if dies {
		m.life.end()
		return errDead
	}
	if err == nil && n == m.life.untold.Load() {
		return context.Canceled
	}
	return err
}

// mortalPlatform does nothing once its server is dead, and watches what is
// taken away.
type mortalPlatform struct {
	*fakeplatform.Driver
	w    *world
	life *life
}

func (m mortalPlatform) Apply(ctx context.Context, r platform.Resource) (staging.Observation, error) {
	if err := m.life.check(); err != nil {
		return staging.Observation{}, err
	}
	if rows := m.w.rows(); !contains(rows, r.Name) {
		m.w.Errorf("%s is made without a row", r.Name)
	}
	o, err := m.Driver.Apply(ctx, r)
	return o, errors.Join(err, m.life.check())
}

func (m mortalPlatform) Prepare(ctx context.Context, r platform.Resource) error {
	if err := m.life.check(); err != nil {
		return err
	}
	if rows := m.w.rows(); !contains(rows, r.Name) {
		m.w.Errorf("%s is made ready without a row", r.Name)
	}
	return errors.Join(m.Driver.Prepare(ctx, r), m.life.check())
}

func (m mortalPlatform) Observe(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	if err := m.life.check(); err != nil {
		return staging.Observation{}, err
	}
	return m.Driver.Observe(ctx, ref)
}

func (m mortalPlatform) Delete(ctx context.Context, ref platform.Ref) error {
	if err := m.life.check(); err != nil {
		return err
	}
	m.serves(ref)
	return errors.Join(m.Driver.Delete(ctx, ref), m.life.check())
}

// serves holds that what has the route, and the data servers it stands on, are
// not taken away while requests come.
func (m mortalPlatform) serves(ref platform.Ref) {
	e := m.w.env()
	if !strings.Contains(ref.Name, "/workload/") || !e.DeleteRequestedAt.IsZero() || m.w.server.Load().edge.Holding(envID) {
		return
	}
	list, err := m.w.store.Deployments(m.w.ctx, envID, 20)
	if err != nil {
		m.w.Error(err)
	}
	for _, d := range list { // newest first
		if d.Progress.Routed {
			data := fmt.Sprintf("/workload/data.db.%d.", plan.DataSet(&d))
			if strings.Contains(ref.Name, d.ID) || strings.Contains(ref.Name, data) {
				m.w.Errorf("%s is taken away while %s serves", ref.Name, d.ID)
			}
			return
		}
	}
}

func (m mortalPlatform) List(ctx context.Context, owner string) ([]staging.Observation, error) {
	if err := m.life.check(); err != nil {
		return nil, err
	}
	return m.Driver.List(ctx, owner)
}

func (m mortalPlatform) Pause(ctx context.Context, owner string, names []string) error {
	if err := m.life.check(); err != nil {
		return err
	}
	return errors.Join(m.Driver.Pause(ctx, owner, names), m.life.check())
}

// Resume is tried until it is done: who is dead tries nothing.
func (m mortalPlatform) Resume(ctx context.Context, owner string, names []string) error {
	if m.life.check() != nil {
		return nil
	}
	return m.Driver.Resume(ctx, owner, names)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

type mortalFolders struct {
	*storage.Folders
	life *life
}

func (m mortalFolders) Delete(ctx context.Context, name string) error {
	if err := m.life.check(); err != nil {
		return err
	}
	return errors.Join(m.Folders.Delete(ctx, name), m.life.check())
}

type mortalData struct {
	*fakedata.Driver
	life *life
}

func (m mortalData) Make(ctx context.Context, c datastore.Clone, p datastore.Progress) (datastore.Made, error) {
	if err := m.life.check(); err != nil {
		return datastore.Made{}, err
	}
	made, err := m.Driver.Make(ctx, c, p)
	return made, errors.Join(err, m.life.check())
}

// mortalSource checks out a folder with the revision's name in it.
type mortalSource struct{ life *life }

func (m mortalSource) Checkout(_ context.Context, _, sha, dir string) error {
	if err := m.life.check(); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "revision"), []byte(sha), 0o644), m.life.check())
}

// mortalMail is where mail is caught; nothing listens any more when it dies.
type mortalMail struct {
	life *life
	mu   sync.Mutex
	open map[string]string
}

func (m *mortalMail) Open(environment, address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[environment] = address
	return m.life.check()
}

func (m *mortalMail) IsOpen(environment string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open[environment] != "" && m.life.check() == nil
}

func (m *mortalMail) Close(environment string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, environment)
	return m.life.check()
}
