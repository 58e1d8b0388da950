package imagebuild

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cacheDomain is the key by which what one branch's build leaves is kept from
// others' builds: docs/adr/0006-caches-of-images.md.
type cacheDomain []byte

func (c cacheDomain) sum(parts ...string) string {
	h := hmac.New(sha256.New, c)
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// mounts is the name space of the folders of RUN --mount=type=cache: a project's
// branch's own, and not to be guessed, since a frontend may ask for any.
func (c cacheDomain) mounts(project, branch string) string {
	return c.sum("mounts", project, branch)
}

// proxies are the arguments that BuildKit hands to each step and leaves out of
// what it knows a step's result by.
var proxies = []string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"}

// unseen sums up what steps see and BuildKit does not know their results by:
// secrets, proxies, and the addresses of further hosts. "" where there is none.
func (c cacheDomain) unseen(secrets map[string][]byte, args map[string]string, hosts map[string][]string) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(secrets)) {
		parts = append(parts, "secret", id, string(secrets[id]))
	}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if slices.Contains(proxies, strings.ToLower(name)) {
			parts = append(parts, "proxy", name, args[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		parts = append(append(parts, "host", name), hosts[name]...)
	}
	if len(parts) == 0 {
		return ""
	}
	return c.sum(append([]string{"unseen"}, parts...)...)
}
