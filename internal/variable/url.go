package variable

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// url re-emits one URL.
func (in *Input) url(a address, text string) string {
	var data *Address
	changed := false
	hosts := make([]string, len(a.hosts))
	for i, h := range a.hosts {
		hosts[i] = h.String()
		if d, ok := in.datastore(h.host); ok {
			hosts[i], data, changed = d.hostPort(), &d, true
		} else if to := in.reach(h.host, h.port); to != "" {
			hosts[i], changed = to, true
		}
	}
	rest, data2 := in.parameters(a, data)
	if data == nil {
		data = data2
	}
	if !changed && rest == a.rest {
		return text
	}
	user := ""
	if a.hasUser {
		user = a.user + "@"
	}
	if data != nil && a.prefix == "" && changed {
		user = data.userinfo(a.user) + "@"
	}
	return a.prefix + a.scheme + "://" + user + strings.Join(hosts, ",") + rest
}

func (h at) String() string {
	host := h.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if h.port == "" {
		return host
	}
	return host + ":" + h.port
}

// userinfo is the user that was written, or the datastore's, with the
// environment's own password.
func (d Address) userinfo(written string) string {
	name := d.User
	if user, _, _ := strings.Cut(written, ":"); user != "" {
		name = user
		if decoded, err := url.PathUnescape(user); err == nil {
			name = decoded
		}
	}
	if d.Kind == "redis" {
		name = "default" // the server's only user; redis-cli takes an empty name for another
	}
	return url.UserPassword(name, d.Password).String()
}

// parameters re-emits host, port and password of a URL's query: libpq and
// JDBC read them there.
func (in *Input) parameters(a address, data *Address) (string, *Address) {
	path, text, ok := strings.Cut(a.rest, "?")
	if !ok {
		return a.rest, nil
	}
	list := strings.Split(text, "&")
	var named *Address
	for i, pair := range list {
		key, value, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(value)
		if k := strings.ToLower(key); err == nil && (k == "host" || k == "hostaddr") {
			if d, ok := in.datastore(decoded); ok {
				named = &d
				list[i] = key + "=" + d.Host
			}
		}
	}
	if named != nil {
		data = named
		list = slices.DeleteFunc(list, func(p string) bool { return strings.HasPrefix(strings.ToLower(p), "port=") })
		list = append(list, "port="+strconv.Itoa(named.Port))
		if !slices.ContainsFunc(list, func(p string) bool { return strings.HasPrefix(strings.ToLower(p), "password=") }) && a.hosts[0].host == "" {
			list = append(list, "password="+url.QueryEscape(named.Password))
		}
	}
	if data != nil {
		for i, pair := range list {
			if key, _, _ := strings.Cut(pair, "="); strings.EqualFold(key, "password") {
				list[i] = key + "=" + url.QueryEscape(data.Password)
			}
		}
	}
	return path + "?" + strings.Join(list, "&"), named
}

// pick is the address of a port; without one, 80's, 443's, or the only one.
func pick(ports map[int]string, port string) string {
	if n, err := strconv.Atoi(port); err == nil {
		return ports[n]
	}
	for _, usual := range []int{80, 443} {
		if to, ok := ports[usual]; ok {
			return to
		}
	}
	if len(ports) == 1 {
		for _, to := range ports {
			return to
		}
	}
	return ""
}
