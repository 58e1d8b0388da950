package cli

import (
	"time"

	"github.com/spf13/cobra"
)

// waiting are the flags of commands that start work.
type waiting struct {
	no      bool
	yes     bool
	timeout time.Duration
}

func (s *stdio) waitFlags(c *cobra.Command) {
	c.Flags().BoolVar(&s.wait.no, "no-wait", false, "return at once")
	c.Flags().BoolVar(&s.wait.yes, "wait", true, "wait for the end (the default)")
	s.timeoutFlag(c, "how long to wait; the work goes on after it")
}

// What --timeout bounds where nothing that a person begins is waited for.
const (
	reconnecting = "how long a lost connection is tried again; never how long it is followed"
	waking       = "how long to wait until it is awake; never how long it is used"
)

func (s *stdio) timeoutFlag(c *cobra.Command, usage string) {
	c.Flags().DurationVar(&s.wait.timeout, "timeout", 10*time.Minute, usage)
}

func (s *stdio) waits() bool { return !s.wait.no && s.wait.yes }
