package control

import (
	"testing"

	"offshoot/internal/staging"
)

func TestTheDefaultBranchIsOneThatThereIs(t *testing.T) {
	for name, x := range map[string]struct {
		said  string
		heads []string
		want  string
	}{
		"as usual":           {"", []string{"feature/a", "main", "master"}, "main"},
		"an older one":       {"", []string{"feature/a", "master"}, "master"},
		"the only one":       {"", []string{"trunk"}, "trunk"},
		"nothing says which": {"", []string{"develop", "trunk"}, "main"},
		"nothing is there":   {"", nil, "main"},
		"somebody said it":   {"develop", []string{"trunk"}, "develop"},
	} {
		p, heads := staging.Project{DefaultBranch: x.said}, map[string]string{}
		for _, h := range x.heads {
			heads[h] = "sha"
		}
		if guessBranches(&p, heads); p.DefaultBranch != x.want || p.StagingBranch != x.want {
			t.Errorf("%s: %s, staging %s", name, p.DefaultBranch, p.StagingBranch)
		}
	}
}
