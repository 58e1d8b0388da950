//go:build !linux

package fence

import (
	"time"

	"offshoot/internal/staging"
)

type kernel struct {
	table, prefix string
	open          []uint16
}

func none() error {
	return staging.Refused("run the server on Linux", "networks can only be fenced on Linux")
}

func (kernel) write([]Network, map[string]map[Place]time.Time) error { return none() }
func (kernel) change(before, n *Network) error                       { return none() }
func (kernel) end() error                                            { return none() }
func (kernel) there() (bool, error)                                  { return false, none() }

func (kernel) admit(string, []Place, []Place, time.Duration) error { return none() }
func (kernel) admitted() map[string]map[Place]time.Time            { return nil }
func (kernel) turned() map[string]Turned                           { return nil }
