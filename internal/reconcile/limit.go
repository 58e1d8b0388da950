package reconcile

import (
	"fmt"

	"offshoot/internal/staging"
)

// withinLimits refuses a stack that asks for more than its project may have.
func withinLimits(p staging.Policy, size string, stack *staging.Stack) error {
	f := &staging.Failure{Class: staging.ClassPolicy, Step: staging.StepManifest, Hint: "ask for less, or let an administrator raise it: offshoot project set"}
	for _, s := range stack.Services {
		l := sized(stack, size, s)
		problem := func(key, message string) {
			f.Problems = append(f.Problems, staging.Problem{File: s.File, Line: s.Line, Key: "services." + s.Name + "." + key, Message: message, Hint: f.Hint})
		}
		if p.MaxCPUs > 0 && l.CPUs > p.MaxCPUs {
			problem("cpus", fmt.Sprintf("%g CPUs are asked for, and the project may have %g", l.CPUs, p.MaxCPUs))
		}
		if p.MaxMemory > 0 && l.Memory > p.MaxMemory {
			problem("memory", fmt.Sprintf("%d MiB of memory are asked for, and the project may have %d", l.Memory>>20, p.MaxMemory>>20))
		}
	}
	if len(f.Problems) == 0 {
		return nil
	}
	first := f.Problems[0]
	f.File, f.Line, f.Message = first.File, first.Line, first.Key+": "+first.Message
	return &staging.Error{Code: staging.ClassCode(staging.ClassPolicy), Message: f.Message, Hint: f.Hint, Failure: f}
}

// sized are the limits of a service in an environment of that size.
func sized(stack *staging.Stack, size string, s staging.Service) staging.Limits {
	if size == "" {
		size = staging.DefaultSize
	}
	l, change := s.Limits, stack.Sizes[size][s.Name]
	if change.Memory > 0 {
		l.Memory = change.Memory
	}
	if change.CPUs > 0 {
		l.CPUs = change.CPUs
	}
	return l
}
