package process

import (
	"slices"
	"testing"

	"offshoot/internal/staging"
)

func TestArgv(t *testing.T) {
	for line, words := range map[string][]string{
		"./bin/web":                            {"./bin/web"},
		"bundle exec  puma -p 3000 -e=staging": {"bundle", "exec", "puma", "-p", "3000", "-e=staging"},
		"python3 manage.py migrate --noinput":  {"python3", "manage.py", "migrate", "--noinput"},
		"PORT=3 ./bin/web":                     nil,
		"./bin/web $PORT":                      nil,
		"./bin/web ${PORT:-3000}":              nil,
		"cd web && npm start":                  nil,
		"cd web":                               nil,
		"exec ./bin/web":                       nil,
		"./migrate; ./bin/web":                 nil,
		"./bin/web > log":                      nil,
		"./bin/web 'two words'":                nil,
		"ls ~":                                 nil,
		"ls *":                                 nil,
		"./a\n./b":                             nil,
		"echo a":                               nil,
		" ./bin/web":                           nil,
		"./bin/web #x":                         nil,
		"if true":                              nil,
		"./bin/web {a,b}":                      nil,
		"node --max-old-space-size=512 server.js": {"node", "--max-old-space-size=512", "server.js"},
	} {
		want := words
		if want == nil {
			want = []string{"/bin/sh", "-c", line}
		}
		if got := argv(staging.Command{Shell: line}); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := argv(staging.Command{Args: []string{"a", "$b"}}); !slices.Equal(got, []string{"a", "$b"}) {
		t.Errorf("%q", got)
	}
}
