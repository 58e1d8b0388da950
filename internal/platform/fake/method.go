package fake

// The methods of a driver, as faults and calls name them.
const (
	Apply   = "apply"
	Prepare = "prepare"
	Observe = "observe"
	Delete  = "delete"
	List    = "list"
	Wait    = "wait"
	Pause   = "pause"
	Rest    = "rest"
	Resume  = "resume"
)
