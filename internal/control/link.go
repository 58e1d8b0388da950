package control

import (
	"context"
	"maps"
	"slices"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Links is told when where links lead may have changed.
type Links interface{ Forget() }

// LinkHost is where a link leads now, by its ledger name or with the link as hosts are
// spelled in it: the other
// environment's own host, or a fixed URL where the other project is not here.
func (s *Service) LinkHost(ctx context.Context, resource string) (host, fixed, reason string, err error) {
	owner, name, ok := strings.Cut(resource, "/"+string(staging.ResourceLink)+"/")
	if !ok {
		return "", "", "it is no link", nil
	}
	env, err := s.Store.Environment(ctx, owner)
	if err != nil {
		return "", "", "", err
	}
	links, err := s.links(ctx, env)
	if err != nil {
		return "", "", "", err
	}
	i := slices.IndexFunc(links, func(l staging.Link) bool { return l.Name == name || staging.NormalizeHost(l.Name) == name })
	if i < 0 {
		return "", "", "the stack has no link " + name, nil
	}
	to, _, err := s.linked(ctx, env, links[i])
	if err != nil || to == nil {
		return "", links[i].URL, "project " + links[i].Project + " has no environment that link " + name + " could lead to", err
	}
	p, err := s.Store.Project(ctx, to.Project)
	return staging.NormalizeHost(staging.Hostname(s.Site.PrimaryURL(p, *to))), "", "", err
}

// LinkURL is where a browser finds what a link leads to, "" for nowhere.
func (s *Service) LinkURL(ctx context.Context, env staging.Environment, l staging.Link) string {
	to, _, err := s.linked(ctx, env, l)
	if err != nil || to == nil {
		return l.URL
	}
	p, err := s.Store.Project(ctx, to.Project)
	if err != nil {
		return ""
	}
	return s.Site.PrimaryURL(p, *to)
}

// linked is the environment that a link leads to, nil for none: the one it was
// pointed at, else the one of the same branch where it asks for that, else
// shared staging.
func (s *Service) linked(ctx context.Context, env staging.Environment, l staging.Link) (to *staging.Environment, isDefault bool, err error) {
	live := func(e staging.Environment, err error) (*staging.Environment, error) {
		if staging.CodeOf(err) == staging.CodeNotFound || err == nil && !e.DeleteRequestedAt.IsZero() {
			return nil, nil
		}
		return &e, err
	}
	if id := env.Desired.Links[l.Name]; id != "" {
		if to, err := live(s.Store.Environment(ctx, id)); err != nil || to != nil {
			return to, false, err
		}
	}
	p, err := s.Store.Project(ctx, l.Project)
	if l.Project == "" || staging.CodeOf(err) == staging.CodeNotFound {
		return nil, true, nil
	}
	if err != nil {
		return nil, true, err
	}
	if l.MatchBranch {
		if to, err := live(s.Store.EnvironmentByBranch(ctx, p.Name, env.Branch)); err != nil || to != nil {
			return to, true, err
		}
	}
	to, err = live(s.Store.EnvironmentByBranch(ctx, p.Name, p.StagingBranch))
	return to, true, err
}

// links are those of what serves, else of what is being deployed.
func (s *Service) links(ctx context.Context, env staging.Environment) ([]staging.Link, error) {
	for _, id := range []string{env.Deployed.Deployment, env.Current} {
		if id == "" {
			continue
		}
		d, err := s.Store.Deployment(ctx, id)
		if err != nil {
			return nil, err
		}
		if d.Stack != nil {
			return d.Stack.Links, nil
		}
	}
	return nil, nil
}

// linkViews are an environment's links as people see them.
func (s *Service) linkViews(ctx context.Context, env staging.Environment, stack *staging.Stack) ([]wire.Link, error) {
	items := []wire.Link{}
	if stack == nil {
		return items, nil
	}
	for _, l := range stack.Links {
		to, isDefault, err := s.linked(ctx, env, l)
		if err != nil {
			return nil, err
		}
		w := wire.Link{Name: l.Name, Default: isDefault, State: "missing", URL: l.URL}
		if l.URL != "" {
			w.State = "fixed"
		}
		if to != nil {
			w.Environment, w.State, w.URL = to.ID, string(to.Phase), s.LinkURL(ctx, env, l)
		}
		items = append(items, w)
	}
	for _, name := range slices.Sorted(maps.Keys(env.Desired.Links)) { // kept for a revision that declares them
		if !slices.ContainsFunc(stack.Links, func(l staging.Link) bool { return l.Name == name }) {
			items = append(items, wire.Link{Name: name, Environment: env.Desired.Links[name], State: wire.LinkUndeclared})
		}
	}
	return items, nil
}

// SetLinks points links at environments, "" back at their default. Nothing is
// restarted: what runs finds another behind the same address.
func (s *Service) SetLinks(ctx context.Context, actor, id string, wanted map[string]string) (wire.Environment, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return wire.Environment{}, err
	}
	known, err := s.links(ctx, env)
	if err != nil {
		return wire.Environment{}, err
	}
	if len(wanted) == 0 {
		return wire.Environment{}, staging.Errorf(staging.CodeUsage, "offshoot link ENV NAME=ENV", "no link is named")
	}
	for name, to := range wanted {
		if to == "" && env.Desired.Links[name] != "" {
			continue // taken back, whether or not it is declared
		}
		if !slices.ContainsFunc(known, func(l staging.Link) bool { return l.Name == name && l.Project != "" }) {
			return wire.Environment{}, staging.NotFound("offshoot show "+env.Slug+" lists them", "%s has no link %q to another project", env.Slug, name)
		}
	}
	targets, err := s.linkTargets(ctx, known, wanted)
	if err != nil {
		return wire.Environment{}, err
	}
	v, err := s.edit(ctx, id, func(t *store.Tx, env staging.Environment) error {
		env.Desired.Links = relinked(env.Desired.Links, targets)
		env.LastActivityAt = s.Now()
		if err := t.PutEnvironment(ctx, env); err != nil {
			return err
		}
		return s.event(ctx, t, env, actor, "environment.linked", env.Branch+": links were changed", map[string]any{"links": targets})
	})
	if err == nil {
		s.Links.Forget()
		v, err = s.Environment(ctx, id)
	}
	return v, err
}

// linkTargets are the ids of the environments that are meant.
func (s *Service) linkTargets(ctx context.Context, known []staging.Link, wanted map[string]string) (map[string]string, error) {
	targets := map[string]string{}
	for name, text := range wanted {
		if text == "" {
			targets[name] = ""
			continue
		}
		project := ""
		if i := slices.IndexFunc(known, func(l staging.Link) bool { return l.Name == name }); i >= 0 {
			project = known[i].Project
		}
		to, err := s.Resolve(ctx, "", project, text)
		if project != "" && staging.CodeOf(err) == staging.CodeNotFound {
			to, err = s.Resolve(ctx, "", "", text)
		}
		if err != nil {
			return nil, err
		}
		if to.Phase == string(staging.PhaseDestroying) || to.Phase == string(staging.PhaseDestroyed) {
			return nil, staging.Errorf(staging.CodeConflict, "choose another", "%s is %s", text, to.Phase)
		}
		targets[name] = to.ID
	}
	return targets, nil
}

func relinked(links, changes map[string]string) map[string]string {
	links = merged(links, changes)
	for name, to := range links {
		if to == "" {
			delete(links, name)
		}
	}
	return links
}

// unlink lets every link that was pointed at an environment go back to its
// default when that one goes.
func (s *Service) unlink(ctx context.Context, t *store.Tx, gone staging.Environment) error {
	for e, err := range t.EveryEnvironment(ctx, store.EnvironmentFilter{}) {
		if err != nil {
			return err
		}
		for name, to := range e.Desired.Links {
			if to != gone.ID {
				continue
			}
			e.Desired.Links = relinked(e.Desired.Links, map[string]string{name: ""})
			if err := t.PutEnvironment(ctx, e); err != nil {
				return err
			}
			if err := s.event(ctx, t, e, "server", "environment.unlinked", e.Branch+": link "+name+" leads to its default again, "+gone.Slug+" is destroyed",
				map[string]any{"link": name, "was": gone.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}
