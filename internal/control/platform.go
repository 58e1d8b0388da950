package control

import (
	"context"
	"slices"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// auto leaves the platform to the server, which decides once a project.
const auto = "auto"

// checkPlatform refuses what is no platform, or none of this build.
func (s *Service) checkPlatform(name string) error {
	if _, ok := s.Platforms[name]; ok || name == "" || name == auto {
		return nil
	}
	if slices.Contains([]string{"process", "docker", "kubernetes", "cloudformation"}, name) {
		return staging.NotBuilt("the platform " + name)
	}
	return staging.Errorf(staging.CodeUsage, "auto, process or docker", "platform %q", name)
}

// platform is where a new environment of a project is to run: what the project
// says, else the server, else what suits the project's revision.
func (s *Service) platform(ctx context.Context, p staging.Project, sha string) (string, error) {
	if name := s.chosen(p); name != "" {
		return name, s.checkPlatform(name)
	}
	return s.Suits(ctx, p, sha)
}

// chosen is where a project's environments run, "" until that is found.
func (s *Service) chosen(p staging.Project) string {
	for _, name := range []string{p.Platform, s.Platform, p.Policy.Suits} {
		if name != "" && name != auto {
			return name
		}
	}
	return ""
}

// decided keeps what suits a project that leaves it to the server: its later
// environments run there too.
func decided(ctx context.Context, t *store.Tx, project, platform string) error {
	p, err := t.Project(ctx, project)
	if err != nil || p.Policy.Suits != "" {
		return err
	}
	p.Policy.Suits = platform
	return t.PutProject(ctx, p)
}
