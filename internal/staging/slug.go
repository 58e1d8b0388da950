package staging

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// maxSlug is the length of a slug with its suffix, in characters.
const maxSlug = 40

// maxLabel is the longest DNS label (RFC 1035, section 2.3.4).
const maxLabel = 63

// branchPrefixes are first segments of a branch's name that say what kind of
// work it is, not which.
var branchPrefixes = []string{
	"feature", "feat", "fix", "bugfix", "hotfix", "chore", "refactor", "docs",
	"test", "task", "story", "release",
}

// reservedSlugs are names that mean something else in a project's domain.
var reservedSlugs = []string{"staging", "www", "api"}

// Slug is the name of a branch in host names: 40 characters a-z, 0-9 and
// single dashes at most. Where it was cut to that, none is left, the name is
// reserved, or taken says that another environment has it, a suffix made of
// headRepository and the full ref tells branches apart; the result depends on
// nothing else. headRepository is the id of the repository that the branch
// lives in, taken may be nil.
func Slug(branch, headRepository string, taken func(slug string) bool) string {
	short := strings.TrimPrefix(branch, "refs/heads/")
	kept := short
	if first, rest, ok := strings.Cut(short, "/"); ok && slices.Contains(branchPrefixes, first) {
		kept = rest
	}
	slug := slugCharacters(kept)
	plain := slug != "" && len(slug) <= maxSlug && !slices.Contains(reservedSlugs, slug)
	if plain && (taken == nil || !taken(slug)) {
		return slug
	}
	sum := sha256.Sum256([]byte(headRepository + "refs/heads/" + short))
	suffix := hex.EncodeToString(sum[:])[:6]
	room := maxSlug - len(suffix) - 1
	if len(slug) > room {
		slug = strings.TrimRight(slug[:room], "-")
	}
	if slug == "" {
		return suffix
	}
	return slug + "-" + suffix
}

// slugCharacters turns each run of other characters into one dash.
func slugCharacters(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
	}
	return b.String()
}

// Host is the host name of one service of an environment. The primary service
// answers at SLUG.DOMAIN, others at SERVICE--SLUG.DOMAIN; a first label that
// would be too long for DNS is cut and told apart by a hash.
func Host(slug, service string, primary bool, domain string) string {
	if primary {
		return slug + "." + domain
	}
	name := slugCharacters(service)
	label := name + "--" + slug
	if over := len(label) - maxLabel; over > 0 {
		sum := sha256.Sum256([]byte(label))
		suffix := "-" + hex.EncodeToString(sum[:])[:6]
		label = strings.TrimRight(name[:len(name)-over-len(suffix)], "-") + suffix + "--" + slug
	}
	return label + "." + domain
}

// NormalizeHost is a request's host as the edge looks it up: lower case,
// without port and final dot, underscores as dashes.
func NormalizeHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return strings.ReplaceAll(host, "_", "-")
}
