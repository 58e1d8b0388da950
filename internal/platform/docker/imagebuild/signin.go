package imagebuild

import (
	"context"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"offshoot/internal/staging"
)

// SignIn tries what a registry is signed in to with. Nothing of it is kept.
func (b *Builder) SignIn(ctx context.Context, host, user, password string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Call)
	defer cancel()
	address := host
	if host == "docker.io" {
		address = "https://index.docker.io/v1/" // as engines call it
	}
	_, err := b.Engine.RegistryLogin(ctx, client.RegistryLoginOptions{Username: user, Password: password, ServerAddress: address})
	switch {
	case err == nil:
		return nil
	case client.IsErrConnectionFailed(err):
		return disconnected("", err)
	}
	text := strings.ReplaceAll(firstLine(err.Error()), password, "…")
	if cerrdefs.IsUnauthorized(err) || cerrdefs.IsPermissionDenied(err) || strings.Contains(strings.ToLower(text), "unauthorized") {
		return staging.Refused("see that the user and the password or token are right, and that they may read", "the registry %s does not let %s in: %s", host, user, text)
	}
	for _, r := range reasons {
		if r.words.MatchString(text) {
			return staging.Refused("see that this server reaches it, then set it again", "the registry %s cannot be asked: %s", host, text)
		}
	}
	return staging.Refused("see that it is a registry, then set it again", "the registry %s cannot be asked: %s", host, text)
}
