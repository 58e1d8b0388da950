package cli

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// screen is a person's terminal that is shown what others wrote: logs, names of
// branches, messages of commits, the last words of a build. Of that a terminal
// gets text and colours alone: what would move its cursor, set its title, write
// to its clipboard or answer in the person's name is shown as characters. What
// a person asked to run there, a console or psql, has the terminal itself.
type screen struct{ device *os.File }

// onScreen is w, as a screen where it is a terminal.
func onScreen(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if _, shown := terminal(f); ok && shown {
		return screen{f}
	}
	return w
}

// device is what a stream writes to in the end.
func device(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.device
	}
	return w
}

// Write implements io.Writer. A character is never in two writes.
func (s screen) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.device, harmless(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// colour is a terminal's order to show what follows in a colour or weight
// (ECMA-48, SGR).
var colour = regexp.MustCompile(`^\x1b\[[0-9;:]*m`)

const plainAgain = "\x1b[0m"

// harmless is a text of which only lines, tabs and colours act on a terminal. A
// colour ends with its line.
func harmless(text string) string {
	if !strings.ContainsFunc(text, acts) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	coloured := false
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		order := colour.FindString(text)
		switch {
		case order != "":
			n, coloured = len(order), true
			b.WriteString(order)
		case r == '\n' && coloured:
			coloured = false
			b.WriteString(plainAgain + "\n")
		case !acts(r):
			b.WriteRune(r) // what is no character becomes U+FFFD
		case r < ' ':
			b.WriteString("^" + string(r+'@'))
		case r == 0x7f:
			b.WriteString("^?")
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		text = text[n:]
	}
	return b.String()
}

// acts is whether a character does more than be shown: a control character, or
// one that turns the direction of what follows, so that it reads as something
// else (Unicode, Bidi_Control).
func acts(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}
