package wire

// Session asks for a command in an environment.
type Session struct {
	// Job is the cron job to run, "" for the command.
	Job     string       `json:"job"`
	Service string       `json:"service"`
	Beside  bool         `json:"beside"`
	Client  string       `json:"client"`
	Data    string       `json:"data"`
	Command []string     `json:"command"`
	TTY     bool         `json:"tty"`
	Term    string       `json:"term"`
	Size    TerminalSize `json:"size"`
}

// TerminalSize is in character cells.
type TerminalSize struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// Control is a text frame of a session: the client's resize or end of input,
// or the server's last word.
type Control struct {
	Resize *TerminalSize `json:"resize,omitempty"`
	EOF    bool          `json:"eof,omitempty"`
	Exit   *int          `json:"exit,omitempty"`
	Error  *Problem      `json:"error,omitempty"`
}

// The first byte of a binary frame of a session says what the rest is.
const (
	FrameStdin  byte = 0
	FrameStdout byte = 1
	FrameStderr byte = 2
)
