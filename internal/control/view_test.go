package control

import (
	"testing"

	"offshoot/internal/staging"
)

// TestWhatIsAcceptedDoesNotRest holds that who has just been answered that a
// deployment was accepted, and looks, is not told of what was before.
func TestWhatIsAcceptedDoesNotRest(t *testing.T) {
	for kept, want := range map[staging.Phase]staging.Phase{
		staging.PhaseReady:      staging.PhaseDeploying,
		staging.PhaseDegraded:   staging.PhaseDeploying,
		staging.PhaseAsleep:     staging.PhaseDeploying,
		staging.PhaseFailed:     staging.PhaseDeploying,
		staging.PhaseQueued:     staging.PhaseQueued,
		staging.PhaseWaking:     staging.PhaseWaking,
		staging.PhaseDestroying: staging.PhaseDestroying,
		staging.PhaseDestroyed:  staging.PhaseDestroyed,
	} {
		if got := phaseWith(kept, staging.OutcomeRunning); got != want {
			t.Errorf("%s with a deployment: %s", kept, got)
		}
		if got := phaseWith(kept, staging.OutcomeFailed); got != kept {
			t.Errorf("%s after a deployment: %s", kept, got)
		}
	}
}
