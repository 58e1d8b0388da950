package staging

import "fmt"

// Class says which kind of thing went wrong in a deployment, so that a person
// or a program knows where to look.
type Class string

// The failure classes, in the order of a deployment.
const (
	ClassSource    Class = "source"
	ClassManifest  Class = "manifest"
	ClassPolicy    Class = "policy"
	ClassBuild     Class = "build"
	ClassData      Class = "data"
	ClassMigration Class = "migration"
	ClassStart     Class = "start"
	ClassHealth    Class = "health"
	ClassCapacity  Class = "capacity"
	ClassPlatform  Class = "platform"
	ClassTimeout   Class = "timeout"
	ClassInternal  Class = "internal"
)

// Failure is why a deployment failed: the same object in API, CLI and page.
// It holds no secret: its texts are redacted before they are stored.
type Failure struct {
	Class Class    `json:"class"`
	Step  StepName `json:"step"`
	// Service is "" where it is of no service; File and Line are "" and 0 where
	// it is of no place in a file.
	Service string `json:"service"`
	// Message is one line: what failed and why.
	Message string `json:"message"`
	// Hint says what to do now.
	Hint string `json:"hint"`
	// LogTail is the last output of the thing that failed, oldest line first.
	LogTail []string `json:"log_tail"`
	// ExitCode is null where nothing exited.
	ExitCode  *int          `json:"exit_code"`
	File      string        `json:"file"`
	Line      int           `json:"line"`
	Problems  []Problem     `json:"problems"`
	Retryable bool          `json:"retryable"`
	Next      []NextCommand `json:"next"`
}

func (f *Failure) Error() string { return f.Message }

// Problem is one refused or doubtful place in a file of the repository.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// String is FILE:LINE: KEY: MESSAGE, the message alone where no file is to
// blame.
func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.Key, p.Message)
}

// NextCommand is a command worth typing now, and why.
type NextCommand struct {
	Command string `json:"command"`
	Why     string `json:"why"`
}

// ClassCode is the code of an error that is a failure of that class.
func ClassCode(c Class) Code { return Code(c) }
