package cli

import (
	"encoding/json"
	"fmt"

	"offshoot/internal/wire"
)

// growing is what the help of a command says that follows with --json.
const growing = "With --json the one object grows while it is followed: each item stands on a line of\nits own as soon as it is there, and the object is closed when it ends."

// listing is the one JSON object of a command that lists: printed whole, or,
// where it is followed, an item at a time, so that whoever reads it needs not
// wait for its end and nothing is kept.
type listing[T any] struct {
	s    *stdio
	live bool
	kept []T
}

func (l *listing[T]) add(v T) {
	if !l.live {
		l.kept = append(l.kept, v)
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own documents come here
	}
	before := ","
	if !l.s.printed {
		before = `{"items":[` + "\n"
	}
	l.s.printed = true
	_, _ = fmt.Fprintf(l.s.out, "%s%s\n", before, text)
}

// end closes the object.
func (l *listing[T]) end() {
	if l.live && l.s.printed {
		_, _ = fmt.Fprintln(l.s.out, `],"next_cursor":null}`)
		return
	}
	list := wire.List[T]{Items: l.kept}
	if list.Items == nil {
		list.Items = []T{}
	}
	l.s.object(list)
}
