package staging

import "time"

// AccessRole says how much a token's bearer may do; each holds all that the ones
// before it do.
type AccessRole string

// The roles, weakest first: look; use what is there; make and change
// environments; everything.
const (
	RoleViewer    AccessRole = "viewer"
	RoleTester    AccessRole = "tester"
	RoleDeveloper AccessRole = "developer"
	RoleAdmin     AccessRole = "admin"
)

// AccessRoles are all, weakest first.
func AccessRoles() []AccessRole {
	return []AccessRole{RoleViewer, RoleTester, RoleDeveloper, RoleAdmin}
}

// Allows is whether a bearer of r may do what needs that role. An unknown role
// is allowed nothing, and nothing is allowed where the need is unknown.
func (r AccessRole) Allows(need AccessRole) bool {
	has, wants := -1, len(AccessRoles())
	for i, x := range AccessRoles() {
		if x == r {
			has = i
		}
		if x == need {
			wants = i
		}
	}
	return has >= wants
}

// Token is a key to the API as it is remembered: its secret was shown once.
type Token struct {
	ID   string
	Name string
	// Hash is the SHA-256 of the secret in hexadecimal digits.
	Hash string
	Role AccessRole
	// Project is the only one that it sees, "" for all.
	Project   string
	CreatedAt time.Time
	CreatedBy string
	// ExpiresAt is zero for never.
	ExpiresAt time.Time
}
