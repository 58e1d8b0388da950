package control

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"offshoot/internal/staging"
)

// checkImages refuses images that an environment cannot run, before anything
// changes. What else is wrong with its stack the deployment says.
func (s *Service) checkImages(ctx context.Context, p staging.Project, env staging.Environment, sha string, images map[string]string) error {
	given := maps.Clone(images)
	maps.DeleteFunc(given, func(_, ref string) bool { return ref == "" })
	for _, service := range slices.Sorted(maps.Keys(given)) {
		if _, err := reference.ParseAnyReference(given[service]); err != nil {
			return staging.Refused("for example --image "+service+"=registry.example.com/shop/"+service+":1a2b3c4", "%q is no name of an image: %w", given[service], err)
		}
	}
	if len(given) == 0 {
		return nil
	}
	if on, ok := s.Platforms[env.Platform]; ok && !on.Traits().Images {
		return staging.Refused("leave --image out, or have environments that are created from now on run images: offshoot project set --platform docker",
			"%s runs as %s, from the repository's files: it cannot run an image", strings.TrimPrefix(env.Branch, branchPrefix), env.Platform)
	}
	stack, err := s.Stack(ctx, p, env, sha)
	if err != nil || stack == nil {
		return err
	}
	return stack.GiveCheck(given)
}

// given are the images of an environment once those of a request are added: ""
// takes one away.
func (s *Service) given(had map[string]staging.GivenImage, images map[string]string, revision string) map[string]staging.GivenImage {
	all := maps.Clone(had)
	for service, ref := range images {
		if ref == "" {
			delete(all, service)
			continue
		}
		g := staging.GivenImage{Ref: ref, Revision: revision}
		if named, err := reference.ParseAnyReference(ref); err == nil {
			if _, fixed := named.(reference.Digested); !fixed {
				g.At = s.Now()
			}
		}
		if all == nil {
			all = map[string]staging.GivenImage{}
		}
		all[service] = g
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// asOf is a branch's environment as it is, or as it is going to be.
func (s *Service) asOf(ctx context.Context, p staging.Project, branch, on string) staging.Environment {
	if env, err := s.Store.EnvironmentByBranch(ctx, p.Name, branch); err == nil && env.DeleteRequestedAt.IsZero() {
		return env
	}
	env := staging.Environment{Project: p.Name, Branch: branch, Kind: staging.KindBranch, Platform: on}
	if branch == p.StagingBranch {
		env.Kind = staging.KindShared
	}
	return env
}
