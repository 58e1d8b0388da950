package cli

import (
	"strings"
	"testing"

	"github.com/creack/pty"

	"offshoot/internal/wire"
)

// What moves on a terminal moves without colours too, for who wants none.
func TestProgressWithoutColours(t *testing.T) {
	for _, x := range []struct {
		term, none    string
		moves, colour bool
	}{{"xterm", "", true, true}, {"xterm", "1", true, false}, {"dumb", "", false, false}} {
		t.Run(x.term+x.none, func(t *testing.T) {
			t.Setenv("TERM", x.term)
			t.Setenv("NO_COLOR", x.none)
			master, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = master.Close(), tty.Close() }()
			p := (&stdio{err: tty}).progress()
			var b strings.Builder
			p.w = &b
			p.update(&wire.Deployment{Steps: []wire.Step{{Name: "build", State: "running"}}}, wire.Environment{})
			p.draw()
			p.update(&wire.Deployment{Steps: []wire.Step{{Name: "build", State: "done", Detail: "from the cache"}, {Name: "release", State: "failed"}}}, wire.Environment{})
			p.close()
			if moves := strings.Contains(b.String(), "\r"); moves != x.moves {
				t.Errorf("moves: %v\n%q", moves, b.String())
			}
			if colour := strings.Contains(b.String(), "m✓"); colour != x.colour {
				t.Errorf("colour: %v\n%q", colour, b.String())
			}
			if !x.colour && strings.Contains(b.String(), "\x1b[3") {
				t.Errorf("a colour in %q", b.String())
			}
		})
	}
}
