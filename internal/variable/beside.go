package variable

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

var (
	passwordEnds = []string{"PASSWORD", "PASSWD", "PASS", "PWD"}
	// dataWords are in the names of variables that are about data of a kind.
	dataWords = map[string][]string{
		"postgres": {"DB", "DATABASE", "POSTGRES", "PG", "SQL", "DATASOURCE"},
		"redis":    {"REDIS", "VALKEY", "CACHE", "QUEUE", "BROKER"},
	}
)

// beside re-emits a port or password that belongs to a host in another
// variable, or that a name says is a datastore's.
func (in *Input) beside(key, value string, hosts map[string]string) string {
	upper := strings.ToUpper(key)
	for _, prefix := range slices.SortedFunc(maps.Keys(hosts), func(a, b string) int { return len(b) - len(a) }) {
		name := hosts[prefix]
		rest, ok := strings.CutPrefix(upper, prefix)
		if !ok {
			continue
		}
		d, data := in.datastore(name)
		switch {
		case rest == "PORT" && data && value == strconv.Itoa(d.UsualPort):
			return strconv.Itoa(d.Port)
		case rest == "PORT" && !data:
			if to := in.reach(name, value); to != "" {
				_, port, _ := net.SplitHostPort(to)
				return port
			}
		case data && slices.Contains(passwordEnds, rest) && (d.Declared == "" || value == d.Declared):
			return d.Password
		}
	}
	for _, d := range in.Datastores {
		if d.Declared != "" && value == d.Declared && d.isPassword(upper) {
			return d.Password
		}
	}
	return value
}

// isPassword is whether a variable's name says that it is the datastore's
// password.
func (d Address) isPassword(key string) bool {
	for _, end := range passwordEnds {
		rest, ok := strings.CutSuffix(key, end)
		if !ok {
			continue
		}
		words := strings.Split(strings.Trim(rest, "_"), "_")
		names := append([]string{staging.Upper(d.Name)}, dataWords[d.Kind]...)
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(names, w) }) || rest == "PG"
	}
	return false
}

// complete adds port and password beside a host where the stack relies on
// what the server's image has without saying so.
func (in *Input) complete(prefix, name string, values, out map[string]string) {
	d, ok := in.datastore(name)
	if !ok && !in.Mail.named(name) {
		return
	}
	port := d.Port
	if !ok {
		port = in.Mail.Port
	}
	has := func(ends ...string) bool {
		for key := range values {
			if rest, ok := strings.CutPrefix(strings.ToUpper(key), prefix); ok && slices.Contains(ends, rest) {
				return true
			}
		}
		return false
	}
	if !has("PORT") {
		out[prefix+"PORT"] = strconv.Itoa(port)
	}
	if !has(passwordEnds...) && d.Password != "" {
		out[prefix+"PASSWORD"] = d.Password
	}
}
