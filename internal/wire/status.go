package wire

import (
	"time"
)

// Status is the server's health.
type Status struct {
	Version      string         `json:"version"`
	Ready        bool           `json:"ready"`
	Environments map[string]int `json:"environments"`
	Queue        []Queued       `json:"queue"`
	Capacity     Capacity       `json:"capacity"`
	Tasks        []Task         `json:"tasks"`
	Late         bool           `json:"late"`
}

// Capacity is what the host has left.
type Capacity struct {
	DiskFreeBytes  int64 `json:"disk_free_bytes"`
	DiskTotalBytes int64 `json:"disk_total_bytes"`
	// Scarce is why nothing new is begun, "" where there is room.
	Scarce string `json:"scarce"`
	// Running is how many environments are worked on, out of Slots at a time.
	Running int `json:"running"`
	Slots   int `json:"slots"`
}

// Task is one of the server's regular duties.
type Task struct {
	Name          string     `json:"name"`
	LastRunAt     *time.Time `json:"last_run_at"`
	LastSuccessAt *time.Time `json:"last_success_at"`
	NextAt        *time.Time `json:"next_at"`
	Late          bool       `json:"late"`
	// Problem is why it did not succeed, "" where it did.
	Problem string `json:"problem"`
}
