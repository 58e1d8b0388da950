package staging

import (
	"errors"
	"fmt"
)

// Code says what kind of refusal or failure an error is. Codes are part of
// the API: they are added, never renamed.
type Code string

// The codes of refusals. A failed deployment uses its failure's class instead.
const (
	CodeUsage           Code = "usage"
	CodeNotFound        Code = "not_found"
	CodeRefused         Code = "refused"
	CodeConflict        Code = "conflict"
	CodeLimit           Code = "limit"
	CodeSuperseded      Code = "superseded"
	CodeCancelled       Code = "cancelled"
	CodeUnauthenticated Code = "unauthenticated"
	CodeForbidden       Code = "forbidden"
	CodeTimeout         Code = "timeout"
	CodeUnreachable     Code = "unreachable"
	CodeInternal        Code = "internal"
)

// Error is the one error type that reaches people: a code for programs, a
// message that says what is wrong and where, and a hint that says what to do.
// Values in it never contain secrets.
type Error struct {
	Code    Code
	Message string
	Hint    string
	// Failure is set where the error is a failed step of a deployment.
	Failure *Failure
	// Err is the cause, for logs and errors.Is; its text is already part of
	// Message where a person needs it.
	Err error
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error; a %w verb in format keeps the cause.
func Errorf(code Code, hint, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), Hint: hint, Err: errors.Unwrap(wrapped)}
}

// NotFound is an Error that a thing does not exist; exit code 3.
func NotFound(hint, format string, args ...any) *Error {
	return Errorf(CodeNotFound, hint, format, args...)
}

// Refused is an Error that policy forbids what was asked; exit code 4.
func Refused(hint, format string, args ...any) *Error {
	return Errorf(CodeRefused, hint, format, args...)
}

// NotBuilt answers for a documented feature that this build does not have.
func NotBuilt(what string) *Error {
	return Refused("see `offshoot version` and the release notes", "%s is not in this build", what)
}

// CodeOf is the code of err, CodeInternal where it has none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Waiting is a reaction, not a failure: the work cannot go on until something
// outside changes, and is tried again then.
type Waiting struct {
	Reason string
	Err    error
}

func (w *Waiting) Error() string { return "waiting: " + w.Reason }

func (w *Waiting) Unwrap() error { return w.Err }
