package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// gap is between two columns.
const gap = 2

// columns writes rows below their heads, the first row. On a terminal that is
// too narrow for them those columns go that are said to be dispensable, the
// first of them first, and a last column for which there is no room stands on a
// line of its own; elsewhere all are written, for programs.
func (s *stdio) columns(rows [][]string, dispensable ...string) error {
	for _, text := range fitted(rows, s.width(), dispensable) {
		if _, err := fmt.Fprintln(s.out, text); err != nil {
			return err
		}
	}
	return nil
}

// width is that of the terminal, 0 where there is none, or none is known: as wide
// as it likes.
func (s *stdio) width() int {
	width := 0
	if fd, ok := terminal(s.out); ok {
		width, _, _ = term.GetSize(fd)
	}
	return width
}

// under writes a text behind a prefix, as hung says.
func (s *stdio) under(prefix, text string, indent int) {
	for _, line := range hung(prefix, text, indent, s.width()) {
		_, _ = fmt.Fprintln(s.out, line)
	}
}

// hung are the lines of a text behind a prefix. Where a width, unless it is 0, is
// too narrow for one line, those after the first stand so far from the left; so do
// all of them where the text would not begin there behind the prefix.
func hung(prefix, text string, indent, width int) []string {
	if width == 0 || utf8.RuneCountInString(prefix+text) <= width {
		return []string{prefix + text}
	}
	left := strings.Repeat(" ", indent)
	lines := wrapped(text, width-indent)
	for i := range lines {
		if i > 0 || utf8.RuneCountInString(prefix) != indent {
			lines[i] = left + lines[i]
		}
	}
	if utf8.RuneCountInString(prefix) != indent {
		return append([]string{strings.TrimRight(prefix, " ")}, lines...)
	}
	lines[0] = prefix + lines[0]
	return lines
}

// wrapped are the lines of a text, none longer than width but for a word that is.
func wrapped(text string, width int) []string {
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if last := len(lines) - 1; last >= 0 && utf8.RuneCountInString(lines[last]+" "+word) <= width {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// fitted are the lines of a table for a terminal of that width, 0 for any.
func fitted(rows [][]string, width int, dispensable []string) []string {
	total, widths := measured(rows)
	for _, name := range dispensable {
		at := slices.Index(rows[0], name)
		if width == 0 || total <= width || at < 0 {
			continue
		}
		less := make([][]string, len(rows))
		for i, row := range rows {
			less[i] = slices.Delete(slices.Clone(row), at, at+1)
		}
		rows = less
		total, widths = measured(rows)
	}
	last := len(widths) - 1
	apart := width > 0 && total > width
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row[:last] {
			b.WriteString(cell)
			if !apart || i < last-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+gap))
			}
		}
		if !apart {
			lines = append(lines, strings.TrimRight(b.String()+row[last], " "))
			continue
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
		for _, text := range wrapped(row[last], width-gap) {
			lines = append(lines, strings.Repeat(" ", gap)+text)
		}
	}
	return lines
}

// measured is how wide each column is, and all of them.
func measured(rows [][]string) (total int, widths []int) {
	widths = make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, w := range widths {
		total += w
	}
	return total + gap*(len(widths)-1), widths
}
