//go:build linux

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"offshoot/internal/platform"
)

// stream is how far one log was read.
type stream struct {
	name, service string
	// places are where its segments lie, or will lie when it is gone.
	places  []string
	segment int
	offset  int64
	// lastSegment and lastOffset are where reading ends unless it follows: who
	// writes faster than is read would be read for ever.
	lastSegment int
	lastOffset  int64
	lines       []platform.LogLine
}

// stop lets reading end where the log ends now.
func (s *stream) stop() {
	dir, list, err := s.segments()
	if s.lastSegment = 0; err != nil || len(list) == 0 {
		return
	}
	s.lastSegment = list[len(list)-1]
	if info, err := os.Stat(filepath.Join(dir, segmentName(s.lastSegment))); err == nil {
		s.lastOffset = info.Size()
	}
}

// done is whether what was there to be read was read.
func (s *stream) done() bool {
	return s.segment > s.lastSegment || s.segment == s.lastSegment && s.offset >= s.lastOffset
}

func segmentName(n int) string { return fmt.Sprintf("%08d", n) }

// segments are those that there are, in order, and the folder they lie in.
func (s *stream) segments() (string, []int, error) {
	for _, dir := range s.places {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var list []int
		for _, e := range entries {
			if n, err := strconv.Atoi(e.Name()); err == nil {
				list = append(list, n)
			}
		}
		slices.Sort(list)
		return dir, list, err
	}
	return "", nil, nil
}

// piece is how much of a log is held at once; it is longer than any line.
const piece = 1 << 20

// read takes the next piece. It leaves a segment only when the next one was
// there before it was found to be read to its end: the writer has left it too.
func (s *stream) read() error {
	for {
		dir, list, err := s.segments()
		if err != nil || len(list) == 0 {
			return err
		}
		if s.segment == 0 {
			s.segment = list[0]
		}
		if s.done() {
			return nil
		}
		if list[0] > s.segment {
			s.segment, s.offset = list[0], 0
			s.lines = append(s.lines, platform.LogLine{At: time.Now().UTC(), Name: s.name, Service: s.service, Stream: "offshoot",
				Text: []byte("lines are lost: the log was full before they were read")})
		}
		text, err := readFrom(filepath.Join(dir, segmentName(s.segment)), s.offset)
		if errors.Is(err, fs.ErrNotExist) {
			if slices.Contains(list, s.segment) {
				continue // it has just moved, or was dropped
			}
			return nil
		}
		if err != nil {
			return err
		}
		// A line without its end is still being written.
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		s.offset += int64(len(text))
		for raw := range bytes.Lines(text) {
			if l, ok := parseLine(raw); ok {
				l.Name, l.Service = s.name, s.service
				s.lines = append(s.lines, l)
			}
		}
		if len(text) > 0 || list[len(list)-1] <= s.segment {
			return nil
		}
		i, _ := slices.BinarySearch(list, s.segment+1)
		s.segment, s.offset = list[i], 0
	}
}

// skip begins where the lines that are asked for begin, or somewhat before.
func (s *stream) skip(q platform.LogQuery) error {
	dir, list, err := s.segments()
	if err != nil {
		return err
	}
	lines := 0
	for i, n := range slices.Backward(list) {
		file := filepath.Join(dir, segmentName(n))
		info, err := os.Stat(file)
		if err != nil {
			return nil // read from the first, that there is
		}
		s.segment = n
		if info.ModTime().Before(q.Since) && i < len(list)-1 {
			s.segment = list[i+1]
			return nil
		}
		if q.Tail >= 0 {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil
			}
			if lines += bytes.Count(text, []byte("\n")); lines >= q.Tail {
				return nil
			}
		}
	}
	return nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, min(piece, max(0, info.Size()-offset)))
	n, err := f.ReadAt(text, offset)
	if n == len(text) {
		err = nil
	}
	return text[:n], err
}

func parseLine(raw []byte) (platform.LogLine, bool) {
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	at, rest, ok := bytes.Cut(raw, []byte(" "))
	micros, err := strconv.ParseInt(string(at), 10, 64)
	if !ok || err != nil || len(rest) < 2 || rest[1] != ' ' {
		return platform.LogLine{}, false
	}
	stream := map[byte]string{'o': "stdout", 'e': "stderr", 's': "offshoot"}[rest[0]]
	return platform.LogLine{At: time.UnixMicro(micros).UTC(), Stream: stream, Text: rest[2:]}, stream != ""
}
