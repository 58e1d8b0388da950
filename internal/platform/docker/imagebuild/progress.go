package imagebuild

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	control "github.com/moby/buildkit/api/services/control"
)

const (
	// tailLines is how much of a step's output goes with its failure.
	tailLines = 30
	// lineLimit is after how many bytes a line is taken for ended.
	lineLimit = 16 << 10
)

// progress turns what BuildKit tells of a build into plain lines.
type progress struct {
	say func(text string, far bool)

	mu    sync.Mutex
	steps map[string]*step
	// said is when it last said something.
	said time.Time
}

func newProgress(say func(text string, far bool)) *progress {
	return &progress{say: say, steps: map[string]*step{}, said: time.Now()}
}

// watch says what goes on where nothing was said for so long, until end.
func (p *progress) watch(silence time.Duration) (end func()) {
	return repeat(silence/3, func() { p.remind(silence) })
}

// repeat calls f every so long, until end.
func repeat(every time.Duration, f func()) (end func()) {
	stop := make(chan struct{})
	var repeating sync.WaitGroup
	repeating.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				f()
			}
		}
	})
	return func() {
		close(stop)
		repeating.Wait()
	}
}

// remind says each step that goes on, and since when.
func (p *progress) remind(silence time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.said) < silence {
		return
	}
	var going []*step
	for _, s := range p.steps {
		if s.begun && !s.ended {
			going = append(going, s)
		}
	}
	slices.SortFunc(going, func(x, y *step) int { return x.number - y.number })
	for _, s := range going {
		p.far(s, fmt.Sprintf("%s has run for %s", s.name, time.Since(s.noticed).Round(time.Second)))
	}
}

type step struct {
	number                 int
	name                   string
	begun, ended           bool
	noticed                time.Time
	partial                []byte
	tail                   []string
	failure                string
	startedAt, completedAt time.Time
}

func (p *progress) step(digest string) *step {
	s := p.steps[digest]
	if s == nil {
		s = &step{number: len(p.steps) + 1}
		p.steps[digest] = s
	}
	return s
}

func (p *progress) tell(r *control.StatusResponse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range r.Vertexes {
		s := p.step(v.Digest)
		s.name = v.Name
		if v.Started != nil {
			s.startedAt = v.Started.AsTime()
			p.begin(s)
		}
	}
	for _, l := range r.Logs {
		s := p.step(l.Vertex)
		p.begin(s)
		p.output(s, l.Msg)
	}
	for _, t := range r.Statuses {
		if t.Completed != nil && t.ID != "" {
			s := p.step(t.Vertex)
			p.begin(s)
			p.line(s, t.ID+" done")
		}
	}
	for _, v := range r.Vertexes {
		if s := p.step(v.Digest); v.Completed != nil {
			s.completedAt = v.Completed.AsTime()
			p.end(s, v)
		}
	}
}

func (p *progress) begin(s *step) {
	if !s.begun && s.name != "" {
		s.begun, s.noticed = true, time.Now()
		p.far(s, s.name)
	}
}

func (p *progress) end(s *step, v *control.Vertex) {
	p.flush(s)
	if v.Error != "" {
		s.failure = v.Error
	}
	if s.ended {
		return
	}
	s.ended = true
	switch {
	case v.Error != "":
		p.line(s, "failed: "+firstLine(v.Error))
	case v.Cached:
		p.line(s, "cached")
	default:
		p.line(s, fmt.Sprintf("done in %.1f s", s.completedAt.Sub(s.startedAt).Seconds()))
	}
}

func (p *progress) output(s *step, text []byte) {
	s.partial = append(s.partial, text...)
	for {
		line, rest, ended := bytes.Cut(s.partial, []byte("\n"))
		if len(line) > lineLimit {
			line, rest, ended = s.partial[:lineLimit], s.partial[lineLimit:], true
		}
		if !ended {
			return
		}
		p.wrote(s, line)
		s.partial = rest
	}
}

func (p *progress) flush(s *step) {
	if len(s.partial) > 0 {
		p.wrote(s, s.partial)
		s.partial = nil
	}
}

// wrote says a line of a step's output: of one that was written over, the last.
func (p *progress) wrote(s *step, line []byte) {
	line = bytes.TrimRight(line, "\r")
	if i := bytes.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	text := string(line)
	if s.tail = append(s.tail, text); len(s.tail) > tailLines {
		s.tail = s.tail[1:]
	}
	p.line(s, text)
}

func (p *progress) line(s *step, text string) { p.tells(s, text, false) }

func (p *progress) far(s *step, text string) { p.tells(s, text, true) }

func (p *progress) tells(s *step, text string, far bool) {
	p.said = time.Now()
	p.say(fmt.Sprintf("#%d %s", s.number, text), far)
}

// failed is the step that a build failed by, nil where none did.
func (p *progress) failed() *step {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found *step
	for _, s := range p.steps {
		if s.failure == "" || strings.Contains(s.failure, "context canceled") {
			continue
		}
		if found == nil || s.completedAt.Before(found.completedAt) {
			found = s
		}
	}
	return found
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
