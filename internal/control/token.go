package control

import (
	"context"
	"regexp"
	"time"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$`)

// CreateToken makes a token. Its secret is answered this once; what is kept is
// a hash of it.
func (s *Service) CreateToken(ctx context.Context, actor string, r wire.CreateToken) (wire.NewToken, error) {
	t := staging.Token{ID: staging.NewID(staging.TokenPrefix), Name: r.Name, Role: staging.AccessRole(r.Role), Project: r.Project, CreatedAt: s.Now(), CreatedBy: actor}
	if t.Name == "" {
		t.Name = t.ID
	}
	if t.Role == "" {
		t.Role = staging.RoleViewer
	}
	switch {
	case !tokenName.MatchString(t.Name) || t.Name == auth.AdminID:
		return wire.NewToken{}, staging.Errorf(staging.CodeUsage, "use letters, digits and . _ @ -", "%q cannot be a token's name", t.Name)
	case !t.Role.Allows(staging.RoleViewer):
		return wire.NewToken{}, staging.Errorf(staging.CodeUsage, "viewer, tester, developer or admin", "%q is no role", t.Role)
	case r.ExpiresSeconds < 0:
		return wire.NewToken{}, staging.Errorf(staging.CodeUsage, "for example 30d", "a token cannot expire before it is made")
	case r.ExpiresSeconds > 0:
		t.ExpiresAt = s.Now().Add(time.Duration(r.ExpiresSeconds) * time.Second)
	}
	secret := auth.NewSecret()
	t.Hash = auth.Hash(secret)
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if t.Project != "" {
			if _, err := tx.Project(ctx, t.Project); err != nil {
				return noProject(err)
			}
		}
		all, err := tx.Tokens(ctx)
		if err != nil {
			return err
		}
		for _, o := range all {
			if o.Name == t.Name {
				return staging.Errorf(staging.CodeConflict, "choose another name, or offshoot token revoke "+t.Name, "there is a token %s", t.Name)
			}
		}
		if err := tx.PutToken(ctx, t); err != nil {
			return err
		}
		_, err = tx.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "token.created", Project: t.Project, Actor: actor, Message: "token " + t.Name + " with the role " + string(t.Role)})
		return err
	})
	return wire.NewToken{Token: s.token(t), Secret: secret}, err
}

func (s *Service) token(t staging.Token) wire.Token {
	w := wire.Token{ID: t.ID, Name: t.Name, Role: string(t.Role), Project: t.Project, CreatedAt: t.CreatedAt, CreatedBy: t.CreatedBy}
	if !t.ExpiresAt.IsZero() {
		w.ExpiresAt, w.Expired = &t.ExpiresAt, !s.Now().Before(t.ExpiresAt)
	}
	return w
}

// Tokens are all, without their secrets.
func (s *Service) Tokens(ctx context.Context) ([]wire.Token, error) {
	list, err := s.Store.Tokens(ctx)
	items := make([]wire.Token, len(list))
	for i, t := range list {
		items[i] = s.token(t)
	}
	return items, err
}

// RevokeToken ends a token, named by id or name, at once.
func (s *Service) RevokeToken(ctx context.Context, actor, name string) error {
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		all, err := tx.Tokens(ctx)
		if err != nil {
			return err
		}
		for _, t := range all {
			if t.ID != name && t.Name != name {
				continue
			}
			if err := tx.DeleteToken(ctx, t.ID); err != nil {
				return err
			}
			_, err := tx.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "token.revoked", Project: t.Project, Actor: actor, Message: "token " + t.Name})
			return err
		}
		return staging.NotFound("offshoot token ls", "there is no token %q", name)
	})
}
