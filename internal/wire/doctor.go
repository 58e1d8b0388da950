package wire

// Check is one thing that doctor looked at.
type Check struct {
	Name string `json:"name"`
	// State is ok, warn (works, but not as well as it could) or fail.
	State   string `json:"state"`
	Message string `json:"message"`
	// Remedy is what to do, "" where nothing is to be done.
	Remedy string `json:"remedy"`
}

// Checkup is what doctor found; OK is whether nothing fails.
type Checkup struct {
	OK    bool    `json:"ok"`
	Items []Check `json:"items"`
}
