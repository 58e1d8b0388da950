package apiclient

import (
	"context"
	"net/http"
	"net/url"

	"offshoot/internal/wire"
)

// Whoami is who the token says one is.
func (c *Client) Whoami(ctx context.Context) (v wire.Whoami, err error) {
	return v, c.call(ctx, http.MethodGet, "/whoami", nil, nil, &v)
}

// CreateToken makes a token; its secret is in this answer and nowhere else.
func (c *Client) CreateToken(ctx context.Context, r wire.CreateToken) (v wire.NewToken, err error) {
	return v, c.call(ctx, http.MethodPost, "/tokens", nil, r, &v)
}

// Tokens are all, without their secrets.
func (c *Client) Tokens(ctx context.Context) (wire.List[wire.Token], error) {
	return all[wire.Token](ctx, c, "/tokens", nil)
}

// RevokeToken ends a token, by id or name.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(name), nil, nil, nil)
}

// SignInLink is a path that signs a browser in, once.
func (c *Client) SignInLink(ctx context.Context) (v wire.SignInLink, err error) {
	return v, c.call(ctx, http.MethodPost, "/sign-in-links", nil, nil, &v)
}

// Credentials says which credentials a project has.
func (c *Client) Credentials(ctx context.Context, project string) (wire.List[wire.Credential], error) {
	return all[wire.Credential](ctx, c, "/projects/"+url.PathEscape(project)+"/credentials", nil)
}

// SetCredential sets a credential, or removes it where its secret is empty.
func (c *Client) SetCredential(ctx context.Context, project string, r wire.SetCredential) error {
	return c.call(ctx, http.MethodPut, "/projects/"+url.PathEscape(project)+"/credentials", nil, r, nil)
}
