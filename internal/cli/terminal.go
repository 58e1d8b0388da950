package cli

import (
	"os"

	"golang.org/x/term"
)

// terminal is the descriptor of a stream of the program's, where a person sits
// at it.
func terminal(stream any) (fd int, ok bool) {
	if s, shown := stream.(screen); shown {
		stream = s.device
	}
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// asks is whether a person can be asked.
func (s *stdio) asks() bool {
	_, ok := terminal(s.in)
	return ok
}
