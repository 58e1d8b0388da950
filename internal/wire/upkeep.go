package wire

// Scale asks for a number of instances by service.
type Scale struct {
	Services map[string]int `json:"services"`
}

// RunJob asks for one run of a cron job.
type RunJob struct {
	Job string `json:"job"`
}

// Relink points links at environments, by name or id; "" is the default.
type Relink struct {
	Links map[string]string `json:"links"`
}
