package control

import (
	"context"
	"maps"
	"strings"

	"github.com/distribution/reference"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// registryCredential is the kind of what a project's images are got with.
const registryCredential = "registry"

// signIn is what one registry is signed in to with.
type signIn struct{ User, Secret string }

// RegistryCredential is what a project signs in to a registry with, "" for
// nothing; docker.io is the one that images without a host are of.
func (s *Service) RegistryCredential(ctx context.Context, project, host string) (user, password string, err error) {
	all, err := s.registries(ctx, project)
	return all[host].User, all[host].Secret, err
}

// registries are what a project signs in with, by the registry's host.
func (s *Service) registries(ctx context.Context, project string) (map[string]signIn, error) {
	var all map[string]signIn
	if there, err := s.opened(ctx, project, registryCredential, &all); !there {
		return nil, err
	}
	return all, nil
}

// setRegistry keeps what one registry is signed in to with, or forgets it, those of
// all registries where none is named. It is tried first.
func (s *Service) setRegistry(ctx context.Context, actor, project string, r wire.SetCredential) error {
	if _, err := s.Store.Project(ctx, project); err != nil {
		return noProject(err)
	}
	all, err := s.registries(ctx, project)
	if err != nil && r.Secret != "" {
		return err
	}
	if r.Secret == "" && r.Host == "" {
		return s.keep(ctx, actor, project, registryCredential, nil)
	}
	host, err := registryHost(r.Host)
	if err != nil {
		return err
	}
	all = maps.Clone(all)
	switch {
	case r.Secret == "":
		delete(all, host)
	case r.User == "":
		return staging.Errorf(staging.CodeUsage, "write USER:PASSWORD to stdin, or name the user with --user", "a registry asks for a user's name too")
	default:
		if err := s.SignIn(ctx, host, r.User, r.Secret); err != nil {
			return err
		}
		if all == nil {
			all = map[string]signIn{}
		}
		all[host] = signIn{r.User, strings.TrimRight(r.Secret, "\r\n")}
	}
	if len(all) == 0 {
		return s.keep(ctx, actor, project, registryCredential, nil)
	}
	sealed, err := s.seal(all)
	if err != nil {
		return err
	}
	return s.keep(ctx, actor, project, registryCredential, sealed)
}

// registryHost is a registry's host as names of images have it.
func registryHost(host string) (string, error) {
	host = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://"), "/")
	switch host, _, _ = strings.Cut(host, "/"); host {
	case "", "index.docker.io", "registry-1.docker.io", "hub.docker.com":
		return "docker.io", nil
	}
	named, err := reference.ParseNormalizedNamed(host + "/name")
	if err != nil || reference.Domain(named) != host {
		return "", staging.Errorf(staging.CodeUsage, "as images name it: registry.example.com or registry.example.com:5000", "%q is no host of a registry", host)
	}
	return host, nil
}
