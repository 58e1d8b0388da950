package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/auth"
	"offshoot/internal/wire"
)

// tokens are the operations on access.
func tokens(api huma.API, c Config) {
	huma.Register(api, operation("whoami", http.MethodGet, "/whoami", "Who the token says you are"), func(ctx context.Context, _ *struct{}) (*struct{ Body wire.Whoami }, error) {
		p := auth.From(ctx)
		w := wire.Whoami{Name: p.Name, Role: string(p.Role), Project: p.Project, Server: c.Version}
		if !p.ExpiresAt.IsZero() {
			w.ExpiresAt = &p.ExpiresAt
		}
		return reply(w, nil)
	})
	huma.Register(api, operation("list-tokens", http.MethodGet, "/tokens", "Tokens, without their secrets"), func(ctx context.Context, in *Page) (*struct{ Body wire.List[wire.Token] }, error) {
		items, err := c.Tokens.Tokens(ctx)
		return paged(items, err, *in, func(t wire.Token) string { return t.ID })
	})
	create := operation("create-token", http.MethodPost, "/tokens", "Make a token; its secret is in this answer and nowhere else")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body wire.CreateToken }) (*struct{ Body wire.NewToken }, error) {
		return reply(c.Tokens.CreateToken(ctx, actor(ctx), in.Body))
	})
	huma.Register(api, operation("revoke-token", http.MethodDelete, "/tokens/{name}", "Revoke a token by id or name: it opens nothing from now on"), func(ctx context.Context, in *struct {
		Name string `path:"name"`
	}) (*struct{}, error) {
		return nothing(c.Tokens.RevokeToken(ctx, actor(ctx), in.Name))
	})
	link := operation("create-sign-in-link", http.MethodPost, "/sign-in-links", "A path that signs a browser in, once, within five minutes")
	link.DefaultStatus = http.StatusCreated
	huma.Register(api, link, func(ctx context.Context, _ *struct{}) (*struct{ Body wire.SignInLink }, error) {
		return reply(wire.SignInLink{Path: "/sign-in?code=" + c.Keeper.NewLink(auth.From(ctx)), ExpiresAt: time.Now().UTC().Add(auth.LinkLife)}, nil)
	})
}
