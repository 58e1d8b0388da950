package cli

import (
	"fmt"

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
		s.object(map[string]any{"error": map[string]string{"code": string(e.Code), "message": e.Message, "hint": e.Hint}})
	}
	_, _ = fmt.Fprintln(s.err, "error:", e.Message)
	if e.Hint != "" {
		_, _ = fmt.Fprintln(s.err, "hint:", e.Hint)
	}
}
