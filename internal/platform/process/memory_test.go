//go:build linux

package process

import (
	"testing"

	"offshoot/internal/staging"
)

// TestABuildHasHalfOfTheMemory holds that a build for which nothing is said
// cannot take the machine from what runs.
func TestABuildHasHalfOfTheMemory(t *testing.T) {
	if l := buildWorkload(&staging.BuildSpec{}, 8<<30).Limits; l.Memory != 4<<30 || l.PIDs != buildPIDs {
		t.Errorf("%+v", l)
	}
	if l := buildWorkload(&staging.BuildSpec{Limits: staging.Limits{Memory: 1 << 30}}, 8<<30).Limits; l.Memory != 1<<30 {
		t.Errorf("%+v", l)
	}
}
