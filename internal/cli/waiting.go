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
	c.Flags().DurationVar(&s.wait.timeout, "timeout", 10*time.Minute, "how long to wait; the work goes on after it")
}

func (s *stdio) waits() bool { return !s.wait.no && s.wait.yes }
