package staging

import "strings"

// A late value stands in a stack for what is known, or may be read, only when
// a workload starts: a secret, PORT, an address. The stack that is stored
// holds the name between two characters of Unicode's private use, never the
// value.
const (
	lateOpen  = "\ue000"
	lateClose = "\ue001"
)

// Late is the text that stands for the variable name.
func Late(name string) string { return lateOpen + name + lateClose }

// HasLate reports whether text holds a late value.
func HasLate(text string) bool { return strings.Contains(text, lateOpen) }

// ExpandLate puts what value answers in the place of each late value. It does
// so once: what a value itself holds is left as it is.
func ExpandLate(text string, value func(name string) string) string {
	if !HasLate(text) {
		return text
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, lateOpen)
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, lateClose)
		if !ok || !closed {
			return b.String()
		}
		b.WriteString(value(name))
		text = after
	}
}

// ExpandLate is the command with its late values put in: for a shell as the
// variable that the shell itself reads, so that no value becomes a part of
// the line.
func (c Command) ExpandLate(value func(name string) string) Command {
	e := Command{Shell: ExpandLate(c.Shell, func(name string) string { return "${" + name + "}" })}
	for _, a := range c.Args {
		e.Args = append(e.Args, ExpandLate(a, value))
	}
	return e
}

// LatePassword is the late value of a datastore's own password.
func LatePassword(datastore string) string { return Late("password of " + datastore) }

// LatePasswordOf is the datastore whose password the late value name is.
func LatePasswordOf(name string) (datastore string, ok bool) {
	return strings.CutPrefix(name, "password of ")
}
