package staging

import (
	"fmt"
	"strings"
)

// Ahead says that data was taken at a revision which a branch was not made
// from: its schema may be newer than the branch's code.
type Ahead struct {
	// Revision is what was deployed where the data was taken.
	Revision string `json:"revision"`
	// Commits is how many the branch lacks.
	Commits int `json:"commits"`
	// Migrations are the files among them that the branch lacks, below the
	// paths where the stack keeps its migrations.
	Migrations []string `json:"migrations"`
}

// namedMigrations bounds how many are named in a sentence.
const namedMigrations = 3

// String is a sentence without its full stop.
func (a Ahead) String() string {
	text := fmt.Sprintf("the data is %s ahead of the branch", plural(a.Commits, "commit"))
	if n := len(a.Migrations); n > 0 {
		text += fmt.Sprintf(", with %s that it lacks: %s", plural(n, "migration"), strings.Join(a.Migrations[:min(n, namedMigrations)], ", "))
		if n > namedMigrations {
			text += " …"
		}
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
