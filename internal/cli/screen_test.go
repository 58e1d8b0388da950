package cli_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"offshoot/internal/cli"
)

// What others wrote acts on nobody's terminal: here as what a command does not
// understand, which is how everything is said.
func TestWhatOthersWroteDoesNotActOnATerminal(t *testing.T) {
	for name, x := range map[string]struct{ text, want string }{
		"a title":             {"a\x1b]0;pwned\x07b", "a^[]0;pwned^Gb"},
		"the clipboard":       {"\x1b]52;c;cm0\x1b\\", `^[]52;c;cm0^[\`},
		"a cursor":            {"\x1b[2J\x1b[1;1Hfake", "^[[2J^[[1;1Hfake"},
		"a question":          {"\x1b[6n\x1b[c\x05", "^[[6n^[[c^E"},
		"the line's begin":    {"bad\rgood", "bad^Mgood"},
		"a byte back":         {"bad\x08\x08\x7f", "bad^H^H^?"},
		"one byte of C1":      {"a\x9b2Jb", "a\ufffd2Jb"},
		"C1 as a character":   {"a\u009b2Jb", `a\u009b2Jb`},
		"the other direction": {"a\u202etxt.exe", `a\u202etxt.exe`},
		"colours":             {"\x1b[1;31mred\x1b[m plain", "\x1b[1;31mred\x1b[m plain"},
		"a colour left on":    {"\x1b[31mred", "\x1b[31mred"},
		"letters":             {"grün 漢字 🙂 é", "grün 漢字 🙂 é"},
	} {
		t.Run(name, func(t *testing.T) {
			got := onTerminal(t, "check", "--"+x.text)
			said, _, _ := strings.Cut(got, "\r\n")
			said = strings.TrimSuffix(said, "\x1b[0m")
			if !strings.HasSuffix(said, "--"+x.want) {
				t.Errorf("%q was shown as %q, want %q", x.text, said, x.want)
			}
			if strings.Contains(said, "\x1b[") && !strings.Contains(got, "\x1b[0m\r\n") {
				t.Errorf("a colour goes on after its line: %q", got)
			}
		})
	}
	var piped bytes.Buffer
	cli.Main(t.Context(), cli.Program{}, []string{"check", "--a\x1b[2Jb"}, io.Discard, &piped)
	if !strings.Contains(piped.String(), "a\x1b[2Jb") {
		t.Errorf("who reads a pipe gets something else: %q", piped.String())
	}
}

// onTerminal is what a terminal gets of a command.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = master.Close() }()
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // ends with EIO
		shown <- string(text)
	}()
	cli.Main(t.Context(), cli.Program{}, args, tty, tty)
	_ = tty.Close()
	return <-shown
}
