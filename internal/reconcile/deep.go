package reconcile

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"offshoot/internal/staging"
)

// maxNamed bounds how much of a path that is too long is said.
const maxNamed = 80

// tooDeep says in plain words that something is nested deeper than a path may be
// long (PATH_MAX), and where it begins.
func tooDeep(err error) error {
	if !errors.Is(err, syscall.ENAMETOOLONG) {
		return err
	}
	where := "a folder"
	var at *fs.PathError
	if errors.As(err, &at) {
		where = at.Path
		if _, rest, ok := strings.Cut(at.Path, "/clone/"); ok {
			where = rest
		}
		where = strings.ToValidUTF8(where[:min(maxNamed, len(where))], "") + "…"
	}
	return &staging.Error{Code: staging.ClassCode(staging.ClassData), Message: where + " is nested deeper than a path may be long, and cannot be copied", Err: err,
		Hint: "remove that folder: offshoot exec ENV SERVICE -- rm -r FOLDER"}
}
