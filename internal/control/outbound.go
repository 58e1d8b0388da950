package control

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

func changesOutbound(r wire.SetProject) bool {
	return r.Outbound != nil || r.OutboundShared != nil || len(r.AllowOutbound)+len(r.ForbidOutbound) > 0
}

// changeOutbound applies what r says of connections outside.
func (s *Service) changeOutbound(ctx context.Context, t *store.Tx, p *staging.Project, r wire.SetProject) error {
	policy := &p.Policy
	for _, mode := range []*string{r.Outbound, r.OutboundShared} {
		if mode != nil && *mode != staging.OutboundOpen && *mode != staging.OutboundListed {
			return staging.Errorf(staging.CodeUsage, "open (anywhere) or listed", "%q is not where connections outside may lead", *mode)
		}
	}
	for _, entry := range r.AllowOutbound {
		entry = strings.ToLower(entry)
		if !isOutbound(entry) {
			return staging.Errorf(staging.CodeUsage, "HOST, *.HOST for all names below it, or an address of IPv4, each with :PORT or without", "%q cannot be listed", entry)
		}
		if !slices.Contains(policy.AllowOutbound, entry) {
			policy.AllowOutbound = append(policy.AllowOutbound, entry)
		}
	}
	policy.AllowOutbound = slices.DeleteFunc(policy.AllowOutbound, func(h string) bool {
		return slices.ContainsFunc(r.ForbidOutbound, func(f string) bool { return strings.EqualFold(f, h) })
	})
	set(&policy.Outbound, r.Outbound)
	set(&policy.OutboundShared, r.OutboundShared)
	if changesOutbound(r) && (policy.Confines(staging.KindShared) || policy.Confines(staging.KindBranch)) {
		return s.confinable(ctx, t, *p)
	}
	return nil
}

// isOutbound is whether the list may have an entry.
func isOutbound(entry string) bool {
	host, _, err := net.SplitHostPort(entry)
	if err != nil {
		host = entry
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Is4()
	}
	return hostPort.MatchString(entry) && !strings.HasPrefix(entry, "[") && strings.Trim(host, "0123456789.") != ""
}

// confinable refuses what a platform on which the project's environments run cannot
// hold them to. Where nothing is decided yet the first deployment says so.
func (s *Service) confinable(ctx context.Context, t *store.Tx, p staging.Project) error {
	var names []string
	for _, name := range []string{p.Platform, s.Platform, p.Policy.Suits} {
		if name != "" && name != auto {
			names = append(names, name)
			break
		}
	}
	for e, err := range t.EveryEnvironment(ctx, store.EnvironmentFilter{Project: p.Name}) {
		if err != nil {
			return err
		}
		if e.DestroyedAt.IsZero() && p.Policy.Confines(e.Kind) {
			names = append(names, e.Platform)
		}
	}
	for _, name := range names {
		driver, known := s.Platforms[name]
		if _, can := driver.(platform.Confiner); known && !can {
			return staging.Refused("run its environments in containers: offshoot project set --platform docker",
				"the platform %s cannot hold environments to a list of hosts: what runs there has this host's own network", name)
		}
	}
	return nil
}

// kickAll lets what a project's policy says be looked at again, for all that is there.
func (s *Service) kickAll(ctx context.Context, project string) error {
	for e, err := range s.Store.EveryEnvironment(ctx, store.EnvironmentFilter{Project: project}) {
		if err != nil {
			return err
		}
		s.Work.Kick(e.ID)
	}
	return nil
}

// blocked are the connections of an environment that were not let through.
func (s *Service) blocked(ctx context.Context, env staging.Environment) []wire.Blocked {
	c, ok := s.Platforms[env.Platform].(platform.Confiner)
	if !ok || !env.DestroyedAt.IsZero() {
		return nil
	}
	list, err := c.Blocked(ctx, env.ID)
	if err != nil {
		s.Log.Warn("what was blocked is not known", "environment", env.ID, "error", err)
		return nil
	}
	var items []wire.Blocked
	for _, x := range list {
		items = append(items, wire.Blocked{Host: x.Host, Port: x.Port, Protocol: cmp.Or(x.Protocol, "tcp"), Count: x.Count, FirstAt: x.First, LastAt: x.Last})
	}
	return items
}
