package wire

import "time"

// SweepRequest asks the sweeper to run now.
type SweepRequest struct {
	Project string `json:"project,omitempty" doc:"only this project's environments"`
	DryRun  bool   `json:"dry_run,omitempty" doc:"only say what would be done"`
	GoOn    bool   `json:"go_on,omitempty" doc:"let go what was halted: a person has looked at it"`
}

// SweepReport is what the sweeper did, or would do: a line an environment.
type SweepReport struct {
	At    time.Time   `json:"at"`
	Items []SweepItem `json:"items"`
	// Halted is whether nothing is destroyed until a person goes on.
	Halted bool `json:"halted"`
	// HaltReason is why, "" where it is not.
	HaltReason string `json:"halt_reason"`
	DryRun     bool   `json:"dry_run"`
}

// SweepItem is what the sweeper does with one environment, and why.
type SweepItem struct {
	Environment string `json:"environment"`
	Project     string `json:"project"`
	Branch      string `json:"branch"`
	// Action is keep, warn or destroy.
	Action string `json:"action"`
	Reason string `json:"reason"`
	// DueAt is when it ends if nobody uses it, null for never.
	DueAt *time.Time `json:"due_at"`
}

// Queued is an environment that waits for its turn or for capacity.
type Queued struct {
	Environment string `json:"environment"`
	Project     string `json:"project"`
	Branch      string `json:"branch"`
	Reason      string `json:"reason"`
	// Place counts from 1, 0 where the wait has no order.
	Place int       `json:"place"`
	Since time.Time `json:"since"`
}
