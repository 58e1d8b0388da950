//go:build linux

package shim

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"
)

// The files of an instance's state folder.
const (
	// ExitFile is an Exit, written once, durable before the shim ends.
	ExitFile = "exit.json"
	// StatusFile is a Status, replaced at each start and crash.
	StatusFile = "status.json"
	// LogDir holds numbered segments of lines "MICROSECONDS STREAM TEXT".
	LogDir = "log"
)

const (
	segmentSize = 4 << 20
	// maxSegments bounds what one instance may keep: a service that fills its
	// log fills 64 MB and no more.
	maxSegments = 16
	// MaxLine is the longest line kept in one piece, in bytes.
	MaxLine = 64 << 10
)

// Exit is how a task ended, or why a workload was given up.
type Exit struct {
	Code   int       `json:"code"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	// Ending is time or memory where that ended it, as in staging.Ending.
	Ending string `json:"ending,omitempty"`
}

// Status is what the supervisor is doing.
type Status struct {
	// Run is starting, running, restarting or failing, as in staging.RunState.
	Run       string    `json:"run"`
	StartedAt time.Time `json:"started_at"`
	Restarts  int       `json:"restarts"`
	// Last is how the run before ended.
	Last *Exit `json:"last,omitempty"`
}

// state writes to the folder through a handle that outlives the change of
// root.
type state struct {
	root *os.Root
	logs *os.Root

	mu      sync.Mutex
	segment *os.File
	number  int
	size    int
	// heard is when the last line came.
	heard time.Time
}

func openState(dir string) (*state, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(LogDir, 0o700); err != nil {
		return nil, err
	}
	logs, err := root.OpenRoot(LogDir)
	if err != nil {
		return nil, err
	}
	s := &state{root: root, logs: logs}
	segments, err := fs.ReadDir(logs.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, f := range segments {
		if n, err := strconv.Atoi(f.Name()); err == nil {
			s.number = max(s.number, n)
		}
	}
	return s, s.rotate()
}

func segmentName(n int) string { return fmt.Sprintf("%08d", n) }

func (s *state) rotate() error {
	f, err := s.logs.OpenFile(segmentName(s.number+1), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if s.segment != nil {
		_ = s.segment.Close()
	}
	s.segment, s.size, s.number = f, 0, s.number+1
	if old := s.number - maxSegments; old > 0 && s.logs.Remove(segmentName(old)) == nil {
		s.size += s.write('s', fmt.Appendf(nil, "the log is full (%d MB): its oldest lines are gone", maxSegments*segmentSize>>20))
	}
	return nil
}

// line keeps one line. Where the disk is full the line is lost and the service
// goes on: it must never block on its log.
func (s *state) line(stream byte, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size >= segmentSize {
		_ = s.rotate() // where it fails the segment grows instead
	}
	s.heard = time.Now()
	s.size += s.write(stream, text)
}

func (s *state) write(stream byte, text []byte) int {
	b := strconv.AppendInt(make([]byte, 0, len(text)+24), time.Now().UnixMicro(), 10)
	b = append(b, ' ', stream, ' ')
	b = append(b, text...)
	b = append(b, '\n')
	n, err := s.segment.Write(b)
	if err != nil && n > 0 {
		n, _ = s.segment.Write([]byte{'\n'}) // half a line must not join the next
	}
	return n
}

// still remarks a silence, so that people see that it goes on.
func (s *state) still(doing string, since, silence time.Duration) {
	s.mu.Lock()
	quiet := time.Since(s.heard)
	s.mu.Unlock()
	if quiet >= silence {
		s.remark(doing + ", " + since.Round(time.Second).String())
	}
}

// remark is a line of our own.
func (s *state) remark(text string) { s.line('s', []byte(text)) }

func (s *state) status(v Status) { _ = s.replace(StatusFile, v, false) }

func (s *state) exit(v Exit) {
	if err := s.replace(ExitFile, v, true); err != nil {
		s.remark("cannot write the exit record: " + err.Error())
	}
}

func (s *state) replace(name string, v any, durable bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := s.root.Create(name + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && durable {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return s.root.Rename(name+".new", name)
}
