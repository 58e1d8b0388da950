package control

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

var projectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

func noProject(err error) error {
	if e, ok := err.(*staging.Error); ok && e.Code == staging.CodeNotFound { //nolint:errorlint // the store answers it bare
		e.Hint = "offshoot project add"
	}
	return err
}

// AddProject registers a repository, which is fetched at once so that a wrong
// address is said now.
func (s *Service) AddProject(ctx context.Context, actor string, r wire.AddProject) (wire.Project, error) {
	if !projectName.MatchString(r.Name) {
		return wire.Project{}, staging.Errorf(staging.CodeUsage, "use a-z, 0-9 and dashes, 40 at most", "%q is no project name", r.Name)
	}
	if err := source.CheckRemote(r.Repo); err != nil {
		return wire.Project{}, err
	}
	if err := cmp.Or(r.NotBuilt(), checkAutoCreate(cmp.Or(r.AutoCreate, "none"))); err != nil {
		return wire.Project{}, err
	}
	if _, err := s.Store.Project(ctx, r.Name); err == nil {
		return wire.Project{}, exists(r.Name)
	}
	p := staging.Project{Name: r.Name, Repo: r.Repo, DefaultBranch: strings.TrimPrefix(r.DefaultBranch, branchPrefix), StagingBranch: strings.TrimPrefix(r.StagingBranch, branchPrefix), Domain: r.Domain,
		ComposeFile: r.ComposeFile, Platform: r.Platform, Watch: !r.NoWatch, AutoCreate: cmp.Or(r.AutoCreate, "none"), CreatedAt: s.Now(), FetchedAt: s.Now()}
	var err error
	if p.Policy.Joined, err = joins(nil, r.Join); err != nil {
		return wire.Project{}, err
	}
	if err := s.fetch(ctx, p); source.WantsCredential(err) {
		p.FetchedAt = time.Time{} // it can be set only once the project exists
	} else if err != nil {
		return wire.Project{}, errors.Join(err, s.forgetMirror(ctx, r.Name))
	}
	t, err := s.tips(ctx, p)
	if err != nil {
		return wire.Project{}, err
	}
	guessBranches(&p, t.own)
	if t.project = p; len(t.joined) > 0 && !p.FetchedAt.IsZero() {
		if err := s.tryTip(ctx, t); err != nil {
			return wire.Project{}, errors.Join(err, s.forgetMirror(ctx, r.Name))
		}
	}
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		if _, err := t.Project(ctx, p.Name); err == nil {
			return exists(p.Name)
		}
		if err := s.checkProject(ctx, t, p); err != nil {
			return err
		}
		if err := t.PutProject(ctx, p); err != nil {
			return err
		}
		_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.created", Project: p.Name, Actor: actor, Message: "project " + p.Name + " was added"})
		return err
	})
	if err != nil {
		return wire.Project{}, errors.Join(err, s.forgetMirror(ctx, r.Name))
	}
	return s.project(p), nil
}

// guessBranches fills in what nobody said.
func guessBranches(p *staging.Project, heads map[string]string) {
	if p.DefaultBranch == "" {
		p.DefaultBranch = "main"
		_, main := heads["main"]
		if _, master := heads["master"]; master && !main {
			p.DefaultBranch = "master"
		} else if only := slices.Collect(maps.Keys(heads)); !main && len(only) == 1 {
			p.DefaultBranch = only[0]
		}
	}
	if p.StagingBranch == "" {
		p.StagingBranch = p.DefaultBranch
	}
}

func exists(name string) error {
	return staging.Errorf(staging.CodeConflict, "offshoot project set "+name+" …, or choose another name", "project %s exists", name)
}

// forgetMirror removes the mirror of what did not become a project.
func (s *Service) forgetMirror(ctx context.Context, name string) error {
	if _, err := s.Store.Project(ctx, name); staging.CodeOf(err) == staging.CodeNotFound {
		return s.Source.Remove(name)
	}
	return nil
}

func (s *Service) project(p staging.Project) wire.Project {
	o := p.Policy
	hosts := o.AllowHosts
	if hosts == nil {
		hosts = []string{}
	}
	joined := o.Joined
	if joined == nil {
		joined = []staging.Joined{}
	}
	outbound := o.AllowOutbound
	if outbound == nil {
		outbound = []string{}
	}
	var fetched *time.Time
	if !p.FetchedAt.IsZero() {
		fetched = &p.FetchedAt
	}
	return wire.Project{FetchedAt: fetched, Name: p.Name, Repo: p.Repo, DefaultBranch: p.DefaultBranch, StagingBranch: p.StagingBranch, Domain: p.Domain, Platform: p.Platform, PlatformChosen: s.chosen(p),
		ComposeFile: p.ComposeFile, AutoCreate: p.AutoCreate, Watch: p.Watch, AllowHosts: hosts, Outbound: cmp.Or(o.Outbound, staging.OutboundOpen), OutboundShared: cmp.Or(o.OutboundShared, staging.OutboundOpen),
		AllowOutbound: outbound, Joined: joined, TTLSeconds: int64(o.TTL.Seconds()),
		SleepSeconds: int64(o.Sleep.Seconds()), CreatedAt: p.CreatedAt, SnapshotSource: o.SnapshotSource, SnapshotAt: o.SnapshotAt, Submodules: o.Submodules, LFS: o.LFS,
		MaxEnvironments: o.MaxEnvironments, MaxCPUs: o.MaxCPUs, MaxMemoryBytes: o.MaxMemory, BuildTimeoutSeconds: int64(o.BuildTimeout.Seconds()),
		ReleaseTimeoutSeconds: int64(o.ReleaseTimeout.Seconds())}
}

// Projects are all.
func (s *Service) Projects(ctx context.Context) ([]wire.Project, error) {
	list, err := s.Store.Projects(ctx)
	items := make([]wire.Project, len(list))
	for i, p := range list {
		items[i] = s.project(p)
	}
	return items, err
}

// Project is one.
func (s *Service) Project(ctx context.Context, name string) (wire.Project, error) {
	p, err := s.Store.Project(ctx, name)
	return s.project(p), noProject(err)
}

// RemoveProject forgets a project that has nothing left.
func (s *Service) RemoveProject(ctx context.Context, actor, name string) error {
	if _, err := s.Store.Project(ctx, name); err != nil {
		return noProject(err)
	}
	var slugs []string
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{Project: name}) {
		if err != nil {
			return err
		}
		slugs = append(slugs, e.Slug)
	}
	snapshots, err := s.Store.Snapshots(ctx, name)
	if err != nil {
		return err
	}
	var ids []string
	for _, x := range snapshots {
		ids = append(ids, x.ID)
	}
	switch environments, copies := strings.Join(slugs, ", "), strings.Join(ids, ", "); {
	case len(slugs) > 0 && len(ids) > 0:
		return staging.Refused("offshoot destroy each, then offshoot snapshot rm each", "project %s has environments: %s; and snapshots: %s", name, environments, copies)
	case len(slugs) > 0:
		return staging.Refused("offshoot destroy each", "project %s has environments: %s", name, environments)
	case len(ids) > 0:
		return staging.Refused("offshoot snapshot rm each", "project %s has snapshots: %s", name, copies)
	}
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		for e, err := range t.EveryEnvironment(ctx, store.EnvironmentFilter{Project: name, Destroyed: true}) {
			if err != nil {
				return err
			}
			if err := t.DeleteEnvironment(ctx, e.ID); err != nil {
				return err
			}
		}
		if err := t.DeleteProject(ctx, name); err != nil {
			return err
		}
		_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.removed", Project: name, Actor: actor, Message: "project " + name + " was removed"})
		return err
	})
	if err != nil {
		return err
	}
	return s.Source.Remove(name)
}
