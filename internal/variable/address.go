package variable

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// at is one host that a text names, with the text around it.
type at struct {
	host, port string
}

// address is one URL inside a text: prefix (jdbc:), scheme, userinfo, hosts
// and what follows them.
type address struct {
	start, end int
	prefix     string
	scheme     string
	user       string
	hasUser    bool
	hosts      []at
	// rest begins with the path or query and goes to the next address; whole
	// goes on to the end, for a reader who takes that one for a parameter.
	rest, whole string
	// other is the first host as a reader sees it that ends the authority at
	// a ? or # before the @ (RFC 3986), where libpq does not.
	other *at
}

const (
	// spaces and quotes end an address in a text.
	ends   = " \t\r\n\"'`<>|"
	letter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// addresses finds the URLs with an authority in a text. They do not overlap.
func addresses(text string) []address {
	var list []address
	from := 0
	for a, ok := next(text, from); ok; a, ok = next(text, from) {
		begin := a.start + len(a.prefix) + len(a.scheme) + len("://")
		a.end = begin + end(text[begin:], ends)
		whole := text[begin:a.end]
		if b, ok := next(text, begin); ok && b.start < a.end {
			a.end = max(b.start, begin)
		}
		a.read(text[begin:a.end])
		a.whole = whole[len(text[begin:a.end])-len(a.rest):]
		list = append(list, a)
		from = a.end
	}
	return list
}

// next is the next scheme with its place.
func next(text string, from int) (address, bool) {
	for at := from; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			return address{}, false
		}
		mark := at + i
		start := mark
		for start > from && strings.IndexByte(letter+"0123456789+.-", text[start-1]) >= 0 {
			start--
		}
		for start < mark && strings.IndexByte(letter, text[start]) < 0 {
			start++
		}
		if at = mark + len("://"); start == mark {
			continue
		}
		a := address{start: start, scheme: text[start:mark]}
		if before := text[from:start]; len(before) >= 5 && strings.EqualFold(before[len(before)-5:], "jdbc:") {
			a.start, a.prefix = start-5, before[len(before)-5:]
		}
		return a, true
	}
}

func end(text, any string) int {
	if i := strings.IndexAny(text, any); i >= 0 {
		return i
	}
	return len(text)
}

// read takes what follows scheme:// apart.
func (a *address) read(text string) {
	wide, narrow := end(text, "/"), end(text, "/?#")
	authority := text[:narrow]
	if i := strings.LastIndexByte(text[:wide], '@'); i >= narrow {
		// A password with ? or # in it, as libpq reads it.
		if h := hostPort(authority); h.host != "" && (h.port == "" || number(h.port)) {
			a.other = &h
		}
		authority = text[:wide]
		if j := end(authority[i:], "?#"); j < len(authority[i:]) {
			authority = authority[:i+j]
		}
	}
	a.rest = text[len(authority):]
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		a.user, a.hasUser, authority = authority[:i], true, authority[i+1:]
	}
	for _, h := range strings.Split(authority, ",") {
		a.hosts = append(a.hosts, hostPort(h))
	}
}

func number(s string) bool { _, err := strconv.ParseUint(s, 10, 16); return err == nil }

// hostPort splits HOST:PORT, [IPV6]:PORT and HOST.
func hostPort(text string) at {
	if strings.HasPrefix(text, "[") {
		if i := strings.IndexByte(text, ']'); i > 0 {
			return at{text[1:i], strings.TrimPrefix(text[i+1:], ":")}
		}
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 && strings.IndexByte(text, ':') == i {
		return at{text[:i], text[i+1:]}
	}
	return at{host: text}
}

// plain is a host as hosts are compared: decoded, lower case, no final dot.
func plain(host string) string {
	if decoded, err := url.PathUnescape(host); err == nil {
		host = decoded
	}
	host = strings.TrimRight(strings.ToLower(strings.Trim(host, "[] \t\r\n")), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return host
}

// kind is the scheme without a driver's name: postgresql+asyncpg is postgresql.
func (a address) kind() string {
	kind, _, _ := strings.Cut(strings.ToLower(a.scheme), "+")
	return kind
}

// query are the parameters that follow, decoded, names in lower case.
func (a address) query() map[string]string {
	_, text, _ := strings.Cut(a.whole, "?")
	values := map[string]string{}
	for _, pair := range strings.FieldsFunc(text, func(c rune) bool { return c == '&' || c == ';' }) {
		key, value, _ := strings.Cut(pair, "=")
		k, err1 := url.QueryUnescape(key)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			k, v = key, value
		}
		values[strings.ToLower(k)] = v
	}
	return values
}
