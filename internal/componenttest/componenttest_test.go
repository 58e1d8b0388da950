package componenttest_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"offshoot/internal/componenttest"
)

// TestCIRequiresAllOfThem holds that nothing which a test may skip for want of
// is skipped by CI unseen.
func TestCIRequiresAllOfThem(t *testing.T) {
	text, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), componenttest.Variable+"=")
	if !ok {
		t.Fatal(".ci/run requires nothing")
	}
	list, _, _ := strings.Cut(after, " ")
	required, known := strings.Split(list, ","), componenttest.Known()
	slices.Sort(required)
	slices.Sort(known)
	if !slices.Equal(required, known) {
		t.Errorf("CI requires %q, tests ask for %q", required, known)
	}
}
