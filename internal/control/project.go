package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/variable"
	"offshoot/internal/wire"
)

var projectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

func hash(v any) string {
	text, _ := json.Marshal(v) // plain values only: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func noProject(err error) error {
	if e, ok := err.(*staging.Error); ok && e.Code == staging.CodeNotFound { //nolint:errorlint // the store answers it bare
		e.Hint = "offshoot project add"
	}
	return err
}

// AddProject registers a repository, which is fetched at once so that a wrong
// address is said now.
func (s *Service) AddProject(ctx context.Context, r wire.AddProject) (wire.Project, error) {
	if !projectName.MatchString(r.Name) {
		return wire.Project{}, staging.Errorf(staging.CodeUsage, "use a-z, 0-9 and dashes, 40 at most", "%q is no project name", r.Name)
	}
	if err := source.CheckRemote(r.Repo); err != nil {
		return wire.Project{}, err
	}
	if _, err := s.Store.Project(ctx, r.Name); err == nil {
		return wire.Project{}, staging.Errorf(staging.CodeConflict, "offshoot project set "+r.Name+" …, or choose another name", "project %s exists", r.Name)
	}
	fetch, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	if err := s.Source.Fetch(fetch, source.Repository{Project: r.Name, Remote: r.Repo}); err != nil {
		return wire.Project{}, err
	}
	heads, err := s.Source.Branches(ctx, r.Name)
	if err != nil {
		return wire.Project{}, err
	}
	p := staging.Project{Name: r.Name, Repo: r.Repo, DefaultBranch: r.DefaultBranch, StagingBranch: r.StagingBranch, Domain: r.Domain,
		ComposeFile: r.ComposeFile, Platform: r.Platform, Watch: strings.HasPrefix(r.Repo, "/") && !r.NoWatch, AutoCreate: "none", CreatedAt: s.Now(), FetchedAt: s.Now()}
	if p.DefaultBranch == "" {
		p.DefaultBranch = "main"
		if _, ok := heads["main"]; !ok {
			if _, ok := heads["master"]; ok {
				p.DefaultBranch = "master"
			}
		}
	}
	if p.StagingBranch == "" {
		p.StagingBranch = p.DefaultBranch
	}
	err = s.Store.Write(ctx, func(t *store.Tx) error {
		all, err := t.Projects(ctx)
		if err != nil {
			return err
		}
		for _, o := range all {
			if o.HostSuffix(s.Site) == p.HostSuffix(s.Site) {
				return staging.Errorf(staging.CodeConflict, "choose another --domain", "project %s has the domain %s", o.Name, p.HostSuffix(s.Site))
			}
		}
		if err := t.PutProject(ctx, p); err != nil {
			return err
		}
		_, err = t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.created", Project: p.Name, Actor: "admin", Message: "project " + p.Name + " was added"})
		return err
	})
	return project(p), err
}

func project(p staging.Project) wire.Project {
	hosts := p.Policy.AllowHosts
	if hosts == nil {
		hosts = []string{}
	}
	return wire.Project{Name: p.Name, Repo: p.Repo, DefaultBranch: p.DefaultBranch, StagingBranch: p.StagingBranch, Domain: p.Domain, Platform: p.Platform,
		ComposeFile: p.ComposeFile, AutoCreate: p.AutoCreate, Watch: p.Watch, AllowHosts: hosts, TTLSeconds: int64(p.Policy.TTL.Seconds()),
		SleepSeconds: int64(p.Policy.Sleep.Seconds()), CreatedAt: p.CreatedAt}
}

// Projects are all.
func (s *Service) Projects(ctx context.Context) ([]wire.Project, error) {
	list, err := s.Store.Projects(ctx)
	items := make([]wire.Project, len(list))
	for i, p := range list {
		items[i] = project(p)
	}
	return items, err
}

// Project is one.
func (s *Service) Project(ctx context.Context, name string) (wire.Project, error) {
	p, err := s.Store.Project(ctx, name)
	return project(p), noProject(err)
}

// AllowHosts lets variables of the project name these hosts.
func (s *Service) AllowHosts(ctx context.Context, name string, hosts []string) (wire.Project, error) {
	var p staging.Project
	err := s.Store.Write(ctx, func(t *store.Tx) error {
		var err error
		if p, err = t.Project(ctx, name); err != nil {
			return err
		}
		for _, h := range hosts {
			if !slices.Contains(p.Policy.AllowHosts, h) {
				p.Policy.AllowHosts = append(p.Policy.AllowHosts, h)
			}
		}
		return t.PutProject(ctx, p)
	})
	return project(p), noProject(err)
}

// RemoveProject forgets a project that has nothing left.
func (s *Service) RemoveProject(ctx context.Context, name string) error {
	if _, err := s.Store.Project(ctx, name); err != nil {
		return noProject(err)
	}
	envs, err := s.Store.Environments(ctx, store.EnvironmentFilter{Project: name})
	if err != nil {
		return err
	}
	if len(envs) > 0 {
		var slugs []string
		for _, e := range envs {
			slugs = append(slugs, e.Slug)
		}
		return staging.Refused("offshoot destroy each", "project %s has environments: %s", name, strings.Join(slugs, ", "))
	}
	snapshots, err := s.Store.Snapshots(ctx, name)
	if err != nil {
		return err
	}
	if len(snapshots) > 0 {
		var ids []string
		for _, x := range snapshots {
			ids = append(ids, x.ID)
		}
		return staging.Refused("offshoot snapshot rm each", "project %s has snapshots: %s", name, strings.Join(ids, ", "))
	}
	return s.Store.Write(ctx, func(t *store.Tx) error {
		old, err := t.Environments(ctx, store.EnvironmentFilter{Project: name, Destroyed: true})
		if err != nil {
			return err
		}
		for _, e := range old {
			if err := t.DeleteEnvironment(ctx, e.ID); err != nil {
				return err
			}
		}
		return t.DeleteProject(ctx, name)
	})
}

// SetProjectVariables changes variables or secrets of a project.
func (s *Service) SetProjectVariables(ctx context.Context, name string, r wire.Variables) error {
	p, err := s.Store.Project(ctx, name)
	if err != nil {
		return noProject(err)
	}
	if err := s.checkOwn(ctx, p, p.StagingBranch, r.Set); err != nil {
		return err
	}
	return s.Store.Write(ctx, func(t *store.Tx) error {
		for k, v := range r.Set {
			item := store.SealedVariable{Variable: staging.Variable{Key: k, Value: v, Scope: staging.Scope(r.Scope), Secret: r.Secret, Build: r.Build, File: r.File}}
			if r.Secret {
				sealed, err := s.Key.Seal(v)
				if err != nil {
					return err
				}
				item.Sealed, item.Value = sealed, ""
			}
			if err := t.PutVariable(ctx, name, item); err != nil {
				return err
			}
		}
		for _, k := range r.Unset {
			if err := t.DeleteVariable(ctx, name, k, staging.Scope(r.Scope)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ProjectVariables lists them; secrets without their values.
func (s *Service) ProjectVariables(ctx context.Context, name string) ([]wire.Variable, error) {
	if _, err := s.Store.Project(ctx, name); err != nil {
		return nil, noProject(err)
	}
	list, err := s.Store.Variables(ctx, name)
	items := make([]wire.Variable, len(list))
	for i, v := range list {
		items[i] = wire.Variable{Key: v.Key, Secret: v.Secret, Scope: string(v.Scope), Build: v.Build, File: v.File}
		if !v.Secret {
			items[i].Value = &v.Value
		}
	}
	return items, err
}

// Variables are a project's for one environment, secrets in the clear.
func (s *Service) Variables(ctx context.Context, p staging.Project, e staging.Environment) ([]staging.Variable, error) {
	list, err := s.Store.Variables(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	var own []staging.Variable
	for _, v := range list {
		if v.Scope != staging.ScopeAll && string(v.Scope) != string(e.Kind) {
			continue
		}
		if v.Secret {
			if v.Value, err = s.Key.Open(v.Sealed); err != nil {
				return nil, err
			}
		}
		own = append(own, v.Variable)
	}
	return own, nil
}

// checkOwn judges variables that a request carries before it is accepted.
func (s *Service) checkOwn(ctx context.Context, p staging.Project, branch string, values map[string]string) error {
	var names []string
	if env, err := s.Store.EnvironmentByBranch(ctx, p.Name, branch); err == nil && env.Deployed.Deployment != "" {
		if d, err := s.Store.Deployment(ctx, env.Deployed.Deployment); err == nil && d.Stack != nil {
			for _, x := range d.Stack.Datastores {
				names = append(names, x.Name)
			}
		}
	}
	err := variable.Check(values, names, p.Policy.AllowHosts)
	if e, ok := err.(*staging.Error); ok { //nolint:errorlint // ours, just made
		e.Code = staging.CodeRefused
	}
	return err
}
