package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"offshoot/internal/staging"
)

// reported is an error that the command has shown already.
type reported struct{ code int }

func (r *reported) Error() string { return fmt.Sprintf("exit code %d", r.code) }

// exitCode maps an error to the exit codes that scripts rely on.
func exitCode(e *staging.Error) int {
	switch e.Code {
	case staging.CodeUsage:
		return 2
	case staging.CodeNotFound:
		return 3
	case staging.CodeRefused, staging.CodeConflict, staging.CodeLimit, staging.CodeSuperseded, staging.CodeCancelled:
		return 4
	case staging.CodeUnauthenticated, staging.CodeForbidden:
		return 5
	case staging.CodeTimeout:
		return 6
	case staging.CodeUnreachable:
		return 7
	}
	return 1
}

func (s *stdio) failed(e *staging.Error) {
	if s.json && !s.printed {
		s.object(withError(s.subject, e))
	}
	_, _ = fmt.Fprintln(s.err, "error:", e.Message)
	if e.Hint != "" {
		_, _ = fmt.Fprintln(s.err, "hint:", e.Hint)
	}
}

// withError is the JSON of what a command is about, with why it did not end
// well; of the error alone where it is about nothing yet.
func withError(subject any, e *staging.Error) json.RawMessage {
	parts := [2]json.RawMessage{}
	for i, v := range []any{subject, map[string]any{"error": map[string]string{"code": string(e.Code), "message": e.Message, "hint": e.Hint}}} {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // only our own documents come here
		}
		parts[i] = text
	}
	if subject == nil {
		return parts[1]
	}
	return slices.Concat(parts[0][:len(parts[0])-1], json.RawMessage(","), parts[1][1:])
}
