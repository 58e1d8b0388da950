package wire

// Scale asks for a number of instances by service.
type Scale struct {
	Services map[string]int `json:"services"`
}

// Relink points links at environments, by name or id; "" is the default.
type Relink struct {
	Links map[string]string `json:"links"`
}
