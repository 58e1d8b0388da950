// Package redact takes secrets out of text before anyone reads it: as they
// are, as base64 and as URLs write them.
package redact

import (
	"encoding/base64"
	"net/url"
	"sort"
	"strings"
)

// shortest is the length under which a value is no secret worth hiding: it
// would make every text unreadable.
const shortest = 4

// Redactor is safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// New hides these values.
func New(values []string) *Redactor {
	forms := map[string]bool{}
	for _, v := range values {
		if len(v) < shortest {
			continue
		}
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), base64.StdEncoding.EncodeToString([]byte(v)),
			base64.RawStdEncoding.EncodeToString([]byte(v)), base64.URLEncoding.EncodeToString([]byte(v))} {
			forms[form] = true
		}
	}
	var list []string
	for f := range forms {
		list = append(list, f)
	}
	// Longer forms first: one may contain another.
	sort.Slice(list, func(i, j int) bool {
		return len(list[i]) > len(list[j]) || len(list[i]) == len(list[j]) && list[i] < list[j]
	})
	var pairs []string
	for _, f := range list {
		pairs = append(pairs, f, "[secret]")
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// String is s without the secrets.
func (r *Redactor) String(s string) string { return r.replacer.Replace(s) }
