package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
)

type memory map[string]staging.Token

func (m memory) TokenByHash(_ context.Context, hash string) (staging.Token, bool, error) {
	t, ok := m[hash]
	return t, ok, nil
}

func (m memory) Token(_ context.Context, id string) (staging.Token, error) {
	for _, t := range m {
		if t.ID == id {
			return t, nil
		}
	}
	return staging.Token{}, staging.NotFound("", "no token")
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	if staging.CodeOf(err) != staging.CodeUnauthenticated {
		t.Errorf("%s: %v", what, err)
	}
}

func TestTokens(t *testing.T) {
	ctx := t.Context()
	now := time.Unix(1000, 0)
	secret := auth.NewSecret()
	m := memory{auth.Hash(secret): {ID: "tok_a", Name: "ann", Role: staging.RoleTester, Project: "shop", ExpiresAt: now.Add(time.Hour)}}
	k := auth.NewKeeper("admin-token", m, []byte("key"), func() time.Time { return now })
	if p, err := k.Token(ctx, "admin-token"); err != nil || p.Role != staging.RoleAdmin || !p.Sees("anything") {
		t.Errorf("the server's own: %+v %v", p, err)
	}
	p, err := k.Token(ctx, secret)
	if err != nil || p.Name != "ann" || p.Role != staging.RoleTester || p.Sees("blog") || !p.Sees("shop") {
		t.Errorf("ann: %+v %v", p, err)
	}
	for _, wrong := range []string{"", "admin-toke", "admin-tokenn", secret[1:], auth.Hash(secret)} {
		_, err := k.Token(ctx, wrong)
		refused(t, wrong, err)
	}
	session := k.Session(p)
	if strings.Contains(session, secret) {
		t.Error("a cookie holds the secret")
	}
	if q, err := k.InSession(ctx, session); err != nil || q != p {
		t.Errorf("in session: %+v %v", q, err)
	}
	for _, forged := range []string{"", ".", session[:len(session)-2], "x" + session, session + "x"} {
		_, err := k.InSession(ctx, forged)
		refused(t, "forged "+forged, err)
	}
	_, err = auth.NewKeeper("admin-token", m, []byte("other"), time.Now).InSession(ctx, session)
	refused(t, "another key", err)
	_, err = auth.NewKeeper("another", m, []byte("key"), func() time.Time { return now }).InSession(ctx, session)
	refused(t, "another admin-token", err)
	code := k.NewLink(p)
	if q, err := k.TakeLink(ctx, code); err != nil || q != p {
		t.Errorf("link: %+v %v", q, err)
	}
	_, err = k.TakeLink(ctx, code)
	refused(t, "a link's second use", err)
	late := k.NewLink(p)
	now = now.Add(time.Hour)
	_, err = k.TakeLink(ctx, late)
	refused(t, "a late link", err)
	_, err = k.Token(ctx, secret)
	refused(t, "expired", err)
	_, err = k.InSession(ctx, session)
	refused(t, "a session of what expired", err)
	now = now.Add(-time.Hour)
	delete(m, auth.Hash(secret))
	_, err = k.InSession(ctx, session)
	refused(t, "a session of what was revoked", err)
	if (staging.AccessRole("")).Allows(staging.RoleViewer) || staging.RoleAdmin.Allows("god") || !staging.RoleAdmin.Allows(staging.RoleViewer) {
		t.Error("roles")
	}
}
