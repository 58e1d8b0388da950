//go:build linux

package process

import (
	"testing"

	"offshoot/internal/staging"
)

// TestWhatNothingIsSaidOfIsBounded holds that nothing for which no limit is
// given can take the machine from what else runs.
func TestWhatNothingIsSaidOfIsBounded(t *testing.T) {
	if l := bounded(staging.Limits{CPUs: 2}, 8<<30); l != (staging.Limits{CPUs: 2, Memory: 4 << 30, PIDs: mostPIDs}) {
		t.Errorf("%+v", l)
	}
	if l := bounded(staging.Limits{Memory: 1 << 30, PIDs: 9}, 8<<30); l.Memory != 1<<30 || l.PIDs != 9 {
		t.Errorf("%+v", l)
	}
	if l := bounded(staging.Limits{}, 0); l.Memory != 0 {
		t.Errorf("a limit of a memory that is not known: %+v", l)
	}
}
