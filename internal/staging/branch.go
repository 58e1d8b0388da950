package staging

import (
	"path"
	"strings"
)

// MatchBranch is whether a pattern means a branch. A * also stands for
// slashes: branches are named like paths, but nobody means their parts.
func MatchBranch(pattern, branch string) bool {
	if ok, _ := path.Match(pattern, branch); ok {
		return true
	}
	flat := strings.NewReplacer("/", "\x01")
	ok, _ := path.Match(flat.Replace(pattern), flat.Replace(branch))
	return ok
}

// IsBranchPattern is whether text can be matched with branches.
func IsBranchPattern(text string) bool {
	_, err := path.Match(text, "")
	return text != "" && err == nil
}
