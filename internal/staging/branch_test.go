package staging_test

import (
	"testing"

	"offshoot/internal/staging"
)

func TestBranchPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, branch string
		want            bool
	}{
		{"feature/*", "feature/a", true},
		{"feature/*", "feature/a/b", true},
		{"feature/*", "feature", false},
		{"*", "a/b", true},
		{"release-?", "release-1", true},
		{"main", "main2", false},
		{"[", "[", false},
	} {
		if got := staging.MatchBranch(c.pattern, c.branch); got != c.want {
			t.Errorf("%s means %s: %v", c.pattern, c.branch, got)
		}
	}
	if staging.IsBranchPattern("") || staging.IsBranchPattern("[") || !staging.IsBranchPattern("x/*") {
		t.Error("what is no pattern")
	}
}
