//go:build linux

package process

import "testing"

func TestPathsAreReEmittedWhole(t *testing.T) {
	p := paths{{Inside: "/app", Host: "/srv/x"}, {Inside: "/app/up", Host: "/srv/vol"}, {Inside: "/tmp", Host: "/srv/tmp"}, {Inside: "/tmp/data", Host: "/tmp/data"},
		{Inside: "/run/pg", Host: "/very/long", Link: "/l/1"}}
	for text, want := range map[string]string{
		"/app":                          "/srv/x",
		"/app/bin:/usr/bin:/app/x":      "/srv/x/bin:/usr/bin:/srv/x/x",
		"/app/up/1 /app/upper":          "/srv/vol/1 /srv/x/upper",
		"cd /app && ./run --log=/tmp/l": "cd /srv/x && ./run --log=/srv/tmp/l",
		"http://host/app/x":             "http://host/app/x",
		"/application /my/app":          "/application /my/app",
		"-D /tmp/data/db":               "-D /tmp/data/db",
		"unix_socket=/run/pg":           "unix_socket=/l/1",
	} {
		if got := p.text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
