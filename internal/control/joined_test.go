package control

import (
	"fmt"
	"strings"
	"testing"

	"offshoot/internal/staging"
)

// TestTipOfABranch holds for a project with one repository joined to it.
func TestTipOfABranch(t *testing.T) {
	for name, c := range map[string]struct {
		branch      string
		own, joined string // branches
		fallback    string
		want, err   string
	}{
		"both":                         {branch: "x", own: "main x", joined: "main x", want: "own/x joined/x"},
		"only its own":                 {branch: "x", own: "main x", joined: "main y", want: "own/x joined/main"},
		"only the joined one":          {branch: "x", own: "main y", joined: "main x", want: "own/main joined/x"},
		"neither":                      {branch: "x", own: "main", joined: "main", err: `no branch "x"`},
		"staging":                      {branch: "main", own: "main", joined: "main x", want: "own/main joined/main"},
		"another default":              {branch: "x", own: "main x", joined: "master y", want: "own/x joined/master"},
		"one branch alone":             {branch: "x", own: "main x", joined: "trunk", want: "own/x joined/trunk"},
		"one that is named":            {branch: "x", own: "main x", joined: "main dev", fallback: "dev", want: "own/x joined/dev"},
		"one that is named, missing":   {branch: "x", own: "main x", joined: "main", fallback: "dev", err: `neither "x" nor "dev"`},
		"none to take":                 {branch: "x", own: "main x", joined: "a b", err: `neither "x" nor "main"`},
		"no staging branch of its own": {branch: "x", own: "y", joined: "main x", err: `neither "x" nor the staging branch "main"`},
		"nothing yet":                  {branch: "x", joined: "main", err: "no commit yet"},
	} {
		heads := func(repository, branches string) map[string]string {
			m := map[string]string{}
			for b := range strings.FieldsSeq(branches) {
				m[b] = repository + "/" + b
			}
			return m
		}
		p := staging.Project{Name: "shop", StagingBranch: "main", Policy: staging.Policy{Joined: []staging.Joined{{Folder: "worker", Repo: "/srv/worker", Branch: c.fallback}}}}
		at, err := tips{p, heads("own", c.own), []map[string]string{heads("joined", c.joined)}}.of(c.branch)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, not %q", name, err, c.err)
		case c.err == "" && (err != nil || len(at.joined) != 1 || at.own+" "+at.joined[0].ID != c.want || "joined/"+at.joined[0].Branch != at.joined[0].ID):
			t.Errorf("%s: %+v: %v", name, at, err)
		}
	}
}

func TestJoins(t *testing.T) {
	had := []staging.Joined{{Folder: "worker", Repo: "/srv/worker"}}
	for entry, want := range map[string]string{
		"worker=":                                "[]",
		"worker=/srv/other#dev":                  "[{worker /srv/other dev}]",
		"mail=https://git.example.com/mail.git":  "[{mail https://git.example.com/mail.git } {worker /srv/worker }]",
		"services/mail/=git@git.example.com:a/b": "[{services/mail git@git.example.com:a/b } {worker /srv/worker }]",
		"worker/deep=/srv/x":                     "lie in each other",
		"../x=/srv/x":                            "joins nothing",
		"/x=/srv/x":                              "joins nothing",
		".git/hooks=/srv/x":                      "joins nothing",
		"a/../../x=/srv/x":                       "joins nothing",
		"-x=/srv/x":                              "joins nothing",
		"x":                                      "joins nothing",
		"x=ext::sh -c id":                        "helper program",
		"x=https://me:secret@git.example.com/x.git": "must not carry a password",
	} {
		got, err := joins(had, []string{entry})
		if text := fmt.Sprintf("%v %v", got, err); !strings.Contains(text, want) {
			t.Errorf("%s: %s, not %s", entry, text, want)
		}
	}
}
