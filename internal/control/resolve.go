package control

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Resolve finds the environment that a person means: by id; by the word
// staging, a branch (as refs/heads/BRANCH nothing but a branch) or a slug. All
// that in project, where one is given; else in the project of the person's
// checkout (in every one where there is no checkout), or behind PROJECT/. Two
// readings that name two environments are refused, with both. What the asking
// token may not see is not there.
func (s *Service) Resolve(ctx context.Context, project, checkout, name string) (wire.Environment, error) {
	if number, ok := strings.CutPrefix(name[strings.LastIndex(name, "/")+1:], "pr:"); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return wire.Environment{}, staging.NotBuilt("naming a pull request (" + name + ")")
	}
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return wire.Environment{}, err
	}
	who := auth.From(ctx)
	projects = slices.DeleteFunc(projects, func(p staging.Project) bool { return !who.Sees(p.Name) })
	only := cmp.Or(project, checkout)
	if only != "" && !slices.ContainsFunc(projects, func(p staging.Project) bool { return p.Name == only }) {
		return wire.Environment{}, staging.NotFound("offshoot project add", "there is no project %q", only)
	}
	found := map[string]staging.Environment{}
	for _, p := range projects {
		if only == "" || p.Name == only || project == "" && staging.HasID(name, staging.EnvironmentPrefix) {
			if err := s.readings(ctx, p, name, found); err != nil {
				return wire.Environment{}, err
			}
		}
		if rest, ok := strings.CutPrefix(name, p.Name+"/"); ok && project == "" {
			if err := s.readings(ctx, p, rest, found); err != nil {
				return wire.Environment{}, err
			}
		}
	}
	switch len(found) {
	case 0:
		return wire.Environment{}, staging.NotFound("offshoot ls shows what there is", "there is no environment %q", strings.TrimPrefix(name, branchPrefix))
	case 1:
		for id := range found {
			return s.Environment(ctx, id)
		}
	}
	var list []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		e := found[id]
		list = append(list, id+" (project "+e.Project+", branch "+e.Branch+", slug "+e.Slug+")")
	}
	return wire.Environment{}, staging.Refused("name it by its id", "%q may mean %s", name, strings.Join(list, " or "))
}

// branchPrefix leads the full name of a branch.
const branchPrefix = "refs/heads/"

// readings adds the environments of one project that a name may mean.
func (s *Service) readings(ctx context.Context, p staging.Project, name string, found map[string]staging.Environment) error {
	keep := func(e staging.Environment, err error) error {
		if err == nil && e.Project == p.Name {
			found[e.ID] = e
		} else if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
			return err
		}
		return nil
	}
	if staging.HasID(name, staging.EnvironmentPrefix) {
		return keep(s.Store.Environment(ctx, name))
	}
	branch, full := strings.CutPrefix(name, branchPrefix)
	if err := keep(s.Store.EnvironmentByBranch(ctx, p.Name, branch)); err != nil || full {
		return err
	}
	if name == "staging" {
		if err := keep(s.Store.EnvironmentByBranch(ctx, p.Name, p.StagingBranch)); err != nil {
			return err
		}
	}
	return keep(s.Store.EnvironmentBySlug(ctx, p.Name, name))
}
