package imagebuild

import (
	"context"
	"strings"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"offshoot/internal/staging"
)

// secrets are what a build's steps may mount, by id.
func (c checkout) secrets(spec staging.BuildSpec, b staging.ImageBuild) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, s := range b.Secrets {
		switch {
		case s.File != "":
			content, err := c.read(s.File, maxSecret)
			if err != nil {
				return nil, failed(staging.ClassBuild, b.Name, "commit the file, or use a variable: `offshoot project secret set NAME --build`",
					"the secret %s: its file %s cannot be read: %w", s.ID, s.File, err)
			}
			found[s.ID] = content
		default:
			value, ok := spec.Env[s.Variable]
			if !ok {
				return nil, failed(staging.ClassBuild, b.Name, "`offshoot project secret set "+s.Variable+" --build`",
					"the secret %s: the project has no build variable %s", s.ID, s.Variable)
			}
			if len(value) > maxSecret {
				return nil, failed(staging.ClassBuild, b.Name, "shorten it", "the secret %s: the variable %s is longer than %d bytes", s.ID, s.Variable, maxSecret)
			}
			found[s.ID] = []byte(value)
		}
	}
	return found, nil
}

// registries answers what the engine asks a registry with during a build.
type registries struct {
	auth.UnimplementedAuthServer
	ask Credentials
}

// Register makes it part of a session.
func (r *registries) Register(s *grpc.Server) { auth.RegisterAuthServer(s, r) }

// Credentials implements auth.AuthServer.
func (r *registries) Credentials(ctx context.Context, req *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	if r.ask == nil {
		return &auth.CredentialsResponse{}, nil
	}
	user, password, err := r.ask(ctx, registryName(req.Host))
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, err.Error())
	}
	return &auth.CredentialsResponse{Username: user, Secret: password}, nil
}

// registryName is a registry's host as people write it.
func registryName(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://"), "/")
	host, _, _ = strings.Cut(host, "/")
	switch host {
	case "registry-1.docker.io", "index.docker.io", "registry.docker.io":
		return "docker.io"
	}
	return host
}
