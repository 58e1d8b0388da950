package control

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Resolve finds the environment that a person means: by id; else in project,
// where that is given, by the word staging, a branch or a slug; else by the
// same in the project of the person's checkout (in every one where there is no
// checkout), or behind PROJECT/. Two readings that name two environments are
// refused, with both.
func (s *Service) Resolve(ctx context.Context, project, checkout, name string) (wire.Environment, error) {
	if staging.HasID(name, staging.EnvironmentPrefix) {
		return s.Environment(ctx, name)
	}
	if rest, ok := strings.CutPrefix(name, "pr:"); ok && rest != "" && strings.Trim(rest, "0123456789") == "" {
		return wire.Environment{}, staging.NotBuilt("naming a pull request (" + name + ")")
	}
	projects, err := s.Store.Projects(ctx)
	if err != nil {
		return wire.Environment{}, err
	}
	only := cmp.Or(project, checkout)
	found := map[string]staging.Environment{}
	known := false
	for _, p := range projects {
		known = known || p.Name == only
		if only == "" || p.Name == only {
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
	if only != "" && !known {
		return wire.Environment{}, staging.NotFound("offshoot project add", "there is no project %q", only)
	}
	switch len(found) {
	case 0:
		return wire.Environment{}, staging.NotFound("offshoot ls shows what there is", "there is no environment %q", name)
	case 1:
		for _, e := range found {
			return s.view(ctx, e, true)
		}
	}
	var list []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		e := found[id]
		list = append(list, id+" (project "+e.Project+", branch "+e.Branch+", slug "+e.Slug+")")
	}
	return wire.Environment{}, staging.Refused("name it by its id", "%q may mean %s", name, strings.Join(list, " or "))
}

// readings adds the environments of one project that a name may mean.
func (s *Service) readings(ctx context.Context, p staging.Project, name string, found map[string]staging.Environment) error {
	branches := []string{strings.TrimPrefix(name, "refs/heads/")}
	if name == "staging" {
		branches = append(branches, p.StagingBranch)
	}
	keep := func(e staging.Environment, err error) error {
		if err == nil {
			found[e.ID] = e
		} else if staging.CodeOf(err) != staging.CodeNotFound {
			return err
		}
		return nil
	}
	for _, b := range branches {
		if err := keep(s.Store.EnvironmentByBranch(ctx, p.Name, b)); err != nil {
			return err
		}
	}
	return keep(s.Store.EnvironmentBySlug(ctx, p.Name, name))
}
