//go:build linux

package process

import "offshoot/internal/staging"

const (
	// mostPIDs bounds the processes and threads of what no limit is given for:
	// what multiplies without end ends there, not where the machine has no more.
	mostPIDs = 4096
	// memoryShare is into how many parts the machine's memory is cut, of which
	// what no limit is given for may use one: everything else must go on.
	memoryShare = 2
)

// bounded are limits under which nothing takes the machine from the others,
// whatever a stack leaves unsaid. memory is what the machine has, 0 where that
// is not known.
func bounded(l staging.Limits, memory int64) staging.Limits {
	if l.PIDs == 0 {
		l.PIDs = mostPIDs
	}
	if l.Memory == 0 {
		l.Memory = memory / memoryShare
	}
	return l
}
