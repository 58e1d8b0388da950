package main

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// line is what stood on the terminal, and since when.
type line struct {
	at    time.Duration
	text  string
	typed bool
}

const (
	columns    = 122
	charWidth  = 7.8
	lineHeight = 20
	margin     = 18
	// hold is how long a command stands before its answer: people read.
	hold = 600 * time.Millisecond
)

// terminal is what stood there as SVG: each line appears when it appeared. Who wants no
// motion sees all at once.
func terminal(lines []line) string {
	var b strings.Builder
	width, height := columns*charWidth+2*margin, float64(len(lines)*lineHeight+2*margin+24)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="A session with Offshoot">`+"\n", width, height)
	b.WriteString(`<style>
text { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d9d4c7; white-space: pre }
.typed { fill: #fffdf6; font-weight: 600 } .done { fill: #9db8a3 } .link { fill: #e0a884 }
g { opacity: 0; animation: show .01s forwards }
@keyframes show { to { opacity: 1 } }
@media (prefers-reduced-motion: reduce) { g { animation: none; opacity: 1 } }
</style>
`)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" rx="12" fill="#1f211c"/>`+"\n", width, height)
	for i, colour := range []string{"#e0705a", "#e0b45a", "#7fb07f"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="20" r="5.5" fill="%s"/>`+"\n", margin+6+i*19, colour)
	}
	var held time.Duration
	for i, l := range lines {
		if l.typed {
			held += hold
		}
		class := ""
		switch {
		case l.typed:
			class = "typed"
		case strings.HasPrefix(l.text, "http"):
			class = "link"
		case strings.Contains(l.text, " done ") || strings.Contains(l.text, "nothing is left"):
			class = "done"
		}
		at := l.at + held
		if l.typed {
			at -= hold
		}
		fmt.Fprintf(&b, `<g style="animation-delay:%.2fs"><text class="%s" x="%d" y="%d">%s</text></g>`+"\n",
			at.Seconds(), class, margin, margin+24+(i+1)*lineHeight-6, html.EscapeString(cut(l.text)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func cut(s string) string {
	if r := []rune(s); len(r) > columns {
		return string(r[:columns-1]) + "…"
	}
	return s
}
