package manifest

import (
	"regexp"
	"strconv"
	"strings"
)

var lineNumber = regexp.MustCompile(`line (\d+)`)

// lineOf is the first line that an error names, 0 for none.
func lineOf(err error) int {
	m := lineNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// syntax is the line of an error of the YAML reader, and what is wrong there.
// Its parser counts lines from 0, its scanner from 1; the last line named is
// where the error is.
func syntax(err error) (line int, what string) {
	text := oneLine(err)
	if all := lineNumber.FindAllStringSubmatch(text, -1); len(all) > 0 {
		line, _ = strconv.Atoi(all[len(all)-1][1])
	}
	if strings.Contains(text, "while parsing") {
		line++
	}
	what = text[strings.LastIndex(text, ": ")+1:]
	return line, strings.TrimSpace(what)
}
