package staging

import "time"

// Event is one thing that happened, in the order of Seq, which never repeats.
type Event struct {
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"`
	Type        string    `json:"type"`
	Project     string    `json:"project"`
	Environment string    `json:"environment"`
	Actor       string    `json:"actor"`
	Message     string    `json:"message"`
	// Detail is never null where it is shown.
	Detail map[string]any `json:"detail"`
}
