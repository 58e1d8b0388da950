package control

import (
	"cmp"
	"context"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

var (
	hostPort  = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)
	timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// SetProject changes what a project's administrators set: only what is given.
// A new address is fetched first, so that a wrong one changes nothing.
func (s *Service) SetProject(ctx context.Context, actor, name string, r wire.SetProject) (wire.Project, error) {
	p, err := s.Store.Project(ctx, name)
	if err != nil {
		return wire.Project{}, noProject(err)
	}
	if r.Repo != nil && *r.Repo != p.Repo {
		p.Repo = *r.Repo
		if err := source.CheckRemote(p.Repo); err != nil {
			return wire.Project{}, err
		}
		if err := s.fetch(ctx, p); err != nil {
			return wire.Project{}, err
		}
	}
	if len(r.Join) > 0 {
		if p.Policy.Joined, err = joins(p.Policy.Joined, r.Join); err != nil {
			return wire.Project{}, err
		}
		if err := s.tryJoined(ctx, p); err != nil {
			return wire.Project{}, err
		}
	}
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		if p, err = t.Project(ctx, name); err != nil {
			return noProject(err)
		}
		if err := s.change(ctx, t, &p, r); err != nil {
			return err
		}
		if err := t.PutProject(ctx, p); err != nil {
			return err
		}
		_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.changed", Project: name, Actor: actor, Message: "project " + name + " was changed"})
		return err
	})
	if err == nil && len(r.Join) > 0 {
		err = s.forgetJoined(ctx, p)
	}
	if err == nil && changesOutbound(r) {
		err = s.kickAll(ctx, name)
	}
	return s.project(p), err
}

// change applies r to p and says what of it cannot be.
func (s *Service) change(ctx context.Context, t *store.Tx, p *staging.Project, r wire.SetProject) error {
	if err := r.NotBuilt(); err != nil {
		return err
	}
	set(&p.Repo, r.Repo)
	set(&p.DefaultBranch, r.DefaultBranch)
	set(&p.Domain, r.Domain)
	set(&p.ComposeFile, r.ComposeFile)
	set(&p.Platform, r.Platform)
	set(&p.Watch, r.Watch)
	set(&p.AutoCreate, r.AutoCreate)
	if r.StagingBranch != nil && *r.StagingBranch != p.StagingBranch {
		if err := movable(ctx, t, p.Name, p.StagingBranch, *r.StagingBranch); err != nil {
			return err
		}
		p.StagingBranch = *r.StagingBranch
	}
	if err := s.checkProject(ctx, t, *p); err != nil {
		return err
	}
	err := s.changeOutbound(ctx, t, p, r)
	if err != nil {
		return err
	}
	if p.Policy.Joined, err = joins(p.Policy.Joined, r.Join); err != nil {
		return err
	}
	return changePolicy(ctx, t, p, r)
}

// movable refuses to move the staging branch while an environment of either
// branch lives: its kind would be wrong.
func movable(ctx context.Context, t *store.Tx, project, from, to string) error {
	for _, branch := range []string{from, to} {
		e, err := t.EnvironmentByBranch(ctx, project, branch)
		if err == nil {
			return staging.Refused("offshoot destroy it first", "%s has an environment (%s); the staging branch cannot change under it", branch, e.ID)
		}
		if staging.CodeOf(err) != staging.CodeNotFound {
			return err
		}
	}
	return nil
}

// checkProject refuses what no project may be.
func (s *Service) checkProject(ctx context.Context, t *store.Tx, p staging.Project) error {
	switch {
	case p.DefaultBranch == "" || p.StagingBranch == "":
		return staging.Errorf(staging.CodeUsage, "name a branch", "the default and staging branch cannot be empty")
	case p.Domain != "" && !staging.IsDomain(p.Domain):
		return staging.Errorf(staging.CodeUsage, "for example staging.example.com", "%q is no domain", p.Domain)
	case slices.ContainsFunc(staging.ComposeFiles(p.ComposeFile), func(f string) bool { return path.IsAbs(f) || path.Clean(f) != f || strings.HasPrefix(f, "..") }):
		return staging.Errorf(staging.CodeUsage, "give a path in the repository, such as deploy/compose.yaml", "%q is no path in a repository", p.ComposeFile)
	}
	if err := checkAutoCreate(cmp.Or(p.AutoCreate, "none")); err != nil {
		return err
	}
	if err := s.checkPlatform(p.Platform); err != nil {
		return err
	}
	all, err := t.Projects(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Name != p.Name && o.HostSuffix(s.Site) == p.HostSuffix(s.Site) {
			return staging.Errorf(staging.CodeConflict, "choose another --domain", "project %s has the domain %s", o.Name, p.HostSuffix(s.Site))
		}
	}
	return nil
}

// isHost is whether an administrator's list may have an entry.
func isHost(entry string) bool {
	_, err := netip.ParseAddr(entry)
	return err == nil || hostPort.MatchString(entry)
}

func changePolicy(ctx context.Context, t *store.Tx, p *staging.Project, r wire.SetProject) error {
	policy := &p.Policy
	for _, h := range r.AllowHosts {
		if !isHost(h) {
			return staging.Errorf(staging.CodeUsage, "HOST or HOST:PORT", "%q is no host", h)
		}
		if !slices.Contains(policy.AllowHosts, h) {
			policy.AllowHosts = append(policy.AllowHosts, h)
		}
	}
	policy.AllowHosts = slices.DeleteFunc(policy.AllowHosts, func(h string) bool { return slices.Contains(r.ForbidHosts, h) })
	if r.SnapshotSource != nil && *r.SnapshotSource != "" {
		e, err := t.Environment(ctx, *r.SnapshotSource)
		if err != nil || e.Project != p.Name {
			return staging.NotFound("offshoot ls", "project %s has no environment %q", p.Name, *r.SnapshotSource)
		}
	}
	if r.SnapshotAt != nil && *r.SnapshotAt != "" && *r.SnapshotAt != "off" && !timeOfDay.MatchString(*r.SnapshotAt) {
		return staging.Errorf(staging.CodeUsage, `a time of day such as 03:00, or "off"`, "%q is no time of day", *r.SnapshotAt)
	}
	for _, n := range []*int64{r.TTLSeconds, r.BuildTimeoutSeconds, r.ReleaseTimeoutSeconds, r.MaxMemoryBytes} {
		if n != nil && *n < 0 {
			return staging.Errorf(staging.CodeUsage, "0 is the server's own", "%d is less than nothing", *n)
		}
	}
	if r.MaxEnvironments != nil && *r.MaxEnvironments < 0 || r.MaxCPUs != nil && *r.MaxCPUs < 0 {
		return staging.Errorf(staging.CodeUsage, "0 is no bound", "a bound is less than nothing")
	}
	set(&policy.SnapshotSource, r.SnapshotSource)
	set(&policy.SnapshotAt, r.SnapshotAt)
	set(&policy.Submodules, r.Submodules)
	set(&policy.LFS, r.LFS)
	set(&policy.MaxEnvironments, r.MaxEnvironments)
	set(&policy.MaxCPUs, r.MaxCPUs)
	set(&policy.MaxMemory, r.MaxMemoryBytes)
	seconds(&policy.TTL, r.TTLSeconds)
	seconds(&policy.Sleep, r.SleepSeconds)
	seconds(&policy.BuildTimeout, r.BuildTimeoutSeconds)
	seconds(&policy.ReleaseTimeout, r.ReleaseTimeoutSeconds)
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func seconds(to *time.Duration, from *int64) {
	if from != nil {
		*to = time.Duration(*from) * time.Second
	}
}
