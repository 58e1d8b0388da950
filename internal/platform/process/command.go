package process

import (
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

var (
	// plainWords are words without a character that a shell takes for more
	// (POSIX, Shell Command Language 2.2), the first no assignment.
	plainWords = regexp.MustCompile(`^[A-Za-z0-9_./:@%+-]+( +[A-Za-z0-9_./:=,@%+-]+)*$`)
	// shellOnly are first words that only a shell knows, or that mean another
	// thing there than the program of the name.
	shellOnly = []string{".", ":", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "do", "done", "echo", "elif", "else", "esac",
		"eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "getopts", "hash", "if", "jobs", "kill", "local", "printf", "pwd", "read",
		"readonly", "return", "set", "shift", "source", "test", "then", "time", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset",
		"until", "wait", "while"}
)

// argv is what is executed. A line that is plain words needs no shell, which
// would stand between the shim and the program as long as that runs.
func argv(c staging.Command) []string {
	if c.Shell == "" {
		return c.Args
	}
	if words := strings.Fields(c.Shell); plainWords.MatchString(c.Shell) && !slices.Contains(shellOnly, words[0]) {
		return words
	}
	return []string{"/bin/sh", "-c", c.Shell}
}
