// Package auth says who asks: it checks tokens and the page's sign-ins. What
// each may do is decided where the routes are.
//
// It keeps no secret: a token is known by its hash alone.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"offshoot/internal/staging"
)

// Principal is who asks.
type Principal struct {
	// Name is what is written down as the actor.
	Name string
	// Token is the token's id, AdminID for the server's own.
	Token string
	Role  staging.AccessRole
	// Project is the only one that it sees, "" for all.
	Project string
	// ExpiresAt is zero for never.
	ExpiresAt time.Time
}

// Sees is whether what belongs to that project exists for it.
func (p Principal) Sees(project string) bool { return p.Project == "" || p.Project == project }

// AdminID stands for the token that the server itself made.
const AdminID = "admin"

type key struct{}

// With is a request's context that knows who asks.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From is who asks; the zero Principal, which may do nothing, where that was
// not established.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}

// Memory is what tokens are looked up in. Both answer what exists now, so that
// a revoked token is refused at once.
type Memory interface {
	TokenByHash(ctx context.Context, hash string) (t staging.Token, found bool, err error)
	Token(ctx context.Context, id string) (staging.Token, error)
}

// Keeper checks who asks. It is safe for concurrent use.
type Keeper struct {
	admin  [sha256.Size]byte
	memory Memory
	key    []byte
	now    func() time.Time
	links  links
}

// NewKeeper checks against the administrator's token and those remembered. The
// key signs the page's cookies; with another one all are signed out.
func NewKeeper(admin string, memory Memory, key []byte, now func() time.Time) *Keeper {
	return &Keeper{admin: sha256.Sum256([]byte(admin)), memory: memory, key: key, now: now, links: links{open: map[string]link{}}}
}

// errUnknown is all that a stranger learns.
func errUnknown() error {
	return staging.Errorf(staging.CodeUnauthenticated, "offshoot login URL, or set OFFSHOOT_TOKEN", "a valid token is needed")
}

// Token is who bears that secret; an error of code unauthenticated for nobody.
func (k *Keeper) Token(ctx context.Context, secret string) (Principal, error) {
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], k.admin[:]) == 1 {
		return k.administrator(), nil
	}
	if secret == "" {
		return Principal{}, errUnknown()
	}
	t, found, err := k.memory.TokenByHash(ctx, hex.EncodeToString(sum[:]))
	if err != nil {
		return Principal{}, err
	}
	if !found {
		return Principal{}, errUnknown()
	}
	return k.principal(t)
}

func (k *Keeper) administrator() Principal {
	return Principal{Name: "admin", Token: AdminID, Role: staging.RoleAdmin}
}

func (k *Keeper) principal(t staging.Token) (Principal, error) {
	if !t.ExpiresAt.IsZero() && !k.now().Before(t.ExpiresAt) {
		return Principal{}, staging.Errorf(staging.CodeUnauthenticated, "ask an administrator for a new one: offshoot token create", "the token %s expired at %s",
			t.Name, t.ExpiresAt.Format(time.RFC3339))
	}
	return Principal{Name: t.Name, Token: t.ID, Role: t.Role, Project: t.Project, ExpiresAt: t.ExpiresAt}, nil
}

// byID is who bears the token with that id, if it still exists.
func (k *Keeper) byID(ctx context.Context, id string) (Principal, error) {
	if id == AdminID {
		return k.administrator(), nil
	}
	t, err := k.memory.Token(ctx, id)
	if staging.CodeOf(err) == staging.CodeNotFound {
		return Principal{}, errUnknown()
	}
	if err != nil {
		return Principal{}, err
	}
	return k.principal(t)
}

// NewSecret makes a token's secret: 192 random bits behind a prefix that
// scanners of leaked secrets can know it by.
func NewSecret() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends first
	return "offshoot_" + hex.EncodeToString(b[:])
}

// Hash is what is remembered of a secret. Secrets are random and long, so a
// plain hash is as good as a slow one.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
