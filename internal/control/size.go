package control

import (
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// sizes are those that an environment may have; what each means is the stack's
// own to say.
var sizes = []string{"small", "medium", "large"}

func checkSize(size string) error {
	if size != "" && !slices.Contains(sizes, size) {
		return staging.Errorf(staging.CodeUsage, "one of "+strings.Join(sizes, ", "), "%q is no size", size)
	}
	return nil
}
