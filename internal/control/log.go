package control

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/redact"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// LogQuery selects lines of an environment's logs.
type LogQuery struct {
	Service string
	Step    string
	Follow  bool
	// Tail is the number of last lines, negative for all.
	Tail  int
	Since time.Time
	// Previous asks for what ran before each instance that runs now, or ran
	// last.
	Previous bool
	// After are NAME@POSITION of the last lines that were read of instances.
	After []string
}

// Logs streams lines without secrets, oldest first. Following ends when the
// environment is destroyed.
func (s *Service) Logs(ctx context.Context, id string, q LogQuery, line func(wire.LogLine) error) error {
	env, err := s.Store.Environment(ctx, id)
	if err != nil {
		return err
	}
	logger, ok := s.Platforms[env.Platform].(platform.Logger)
	if !ok {
		return staging.Refused("look at the platform's own logs", "the platform keeps no logs here")
	}
	marks, err := positions(q.After)
	if err != nil {
		return err
	}
	reader := &logReader{query: q, after: marks, read: map[string]position{}, red: s.Work.Redactor(ctx, env.ID), streams: map[string]*redact.Stream{}, line: line}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if q.Follow {
		go s.whenDestroyed(ctx, id, cancel)
	}
	ask := platform.LogQuery{Owner: env.ID, Tail: -1, Since: q.Since}
	if !q.Follow || q.Tail >= 0 {
		if err := logger.Logs(ctx, ask, reader.take); err != nil {
			return err
		}
		if err := reader.end(); err != nil || !q.Follow {
			return err
		}
		reader.follow()
	}
	ask.Follow = true
	return logger.Logs(ctx, ask, reader.take)
}

// follow goes on after what was read, with every line.
func (r *logReader) follow() {
	r.after, r.read, r.query.Tail = r.read, map[string]position{}, -1
	r.streams = map[string]*redact.Stream{}
}

// whenDestroyed ends a reader that follows what is gone.
func (s *Service) whenDestroyed(ctx context.Context, id string, end func()) {
	woken, stop := s.Store.Subscribe()
	defer stop()
	for {
		if env, err := s.Store.Environment(ctx, id); err == nil && env.Phase == staging.PhaseDestroyed {
			end()
			return
		}
		select {
		case _, open := <-woken:
			if !open {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// cut is the length from which a line was cut by the platform and goes on in
// the next, in bytes.
const cut = 60 << 10

// logReader selects, redacts and counts lines.
type logReader struct {
	query   LogQuery
	after   map[string]position
	read    map[string]position
	red     *redact.Redactor
	streams map[string]*redact.Stream
	line    func(wire.LogLine) error
	// kept are the last lines where only those are asked for, or the runs of
	// which the one before last is.
	kept []wire.LogLine
	runs []*run
}

func (r *logReader) take(l platform.LogLine) error {
	at := r.read[l.Name].next(l.At)
	r.read[l.Name] = at
	if mark, ok := r.after[l.Name]; ok && !mark.before(at) {
		return nil
	}
	if !selected(r.query, l) {
		return nil
	}
	w := wire.LogLine{At: l.At, Service: l.Service, Name: l.Name, Stream: l.Stream, Position: at.String(), Text: r.redacted(l)}
	switch {
	case r.query.Previous:
		r.sort(w)
	case r.query.Tail >= 0:
		r.keep(w)
	default:
		return r.line(w)
	}
	return nil
}

// redacted is a line's text without secrets; what may be the beginning of one
// at the end of a line that was cut is shown with its next piece.
func (r *logReader) redacted(l platform.LogLine) string {
	key := l.Name + "/" + l.Stream
	stream := r.streams[key]
	if stream == nil {
		stream = r.red.Stream()
		r.streams[key] = stream
	}
	text := stream.Write(string(l.Text))
	if len(l.Text) < cut {
		text += stream.Flush()
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func (r *logReader) keep(w wire.LogLine) {
	if r.query.Tail == 0 {
		return
	}
	if len(r.kept) == r.query.Tail {
		r.kept = append(r.kept[:0], r.kept[1:]...)
	}
	r.kept = append(r.kept, w)
}

// end shows what was kept until everything was read.
func (r *logReader) end() error {
	if r.query.Previous {
		for _, run := range r.runs {
			r.kept = append(r.kept, run.before...)
		}
		if len(r.kept) == 0 {
			return staging.NotFound("leave out --previous", "nothing ran before what runs now, or its log is gone")
		}
		if n := r.query.Tail; n >= 0 && len(r.kept) > n {
			r.kept = r.kept[len(r.kept)-n:]
		}
	}
	for _, w := range r.kept {
		if err := r.line(w); err != nil {
			return err
		}
	}
	return nil
}

// run is what one place of a service ran last and before.
type run struct {
	place, instance string
	last, before    []wire.LogLine
	ended           bool
}

var deploymentID = regexp.MustCompile(staging.DeploymentPrefix + `_[a-z2-7]{16}`)

// sort puts a line to the run that it belongs to: another instance in the same
// place begins a run, and so does the same one after it ended.
func (r *logReader) sort(w wire.LogLine) {
	place := deploymentID.ReplaceAllString(w.Name, "*")
	var at *run
	for _, x := range r.runs {
		if x.place == place {
			at = x
		}
	}
	if at == nil {
		at = &run{place: place, instance: w.Name}
		r.runs = append(r.runs, at)
	}
	if at.instance != w.Name || at.ended {
		at.before, at.last, at.instance, at.ended = at.last, nil, w.Name, false
	}
	at.last = append(at.last, w)
	at.ended = w.Stream == "offshoot" && strings.HasPrefix(w.Text, "ended with ")
}

func selected(q LogQuery, l platform.LogLine) bool {
	if q.Step != "" {
		return l.Service == q.Step
	}
	return q.Service == "" || l.Service == q.Service
}

// position is how far one instance's log was read: the time of a line, and
// which it is of those with the same time.
type position struct {
	micros int64
	n      int
}

func (p position) next(at time.Time) position {
	if micros := at.UnixMicro(); micros != p.micros {
		return position{micros, 1}
	}
	return position{p.micros, p.n + 1}
}

func (p position) before(o position) bool {
	return p.micros < o.micros || p.micros == o.micros && p.n < o.n
}

func (p position) String() string { return fmt.Sprintf("%d.%d", p.micros, p.n) }

// positions reads NAME@POSITION.
func positions(list []string) (map[string]position, error) {
	marks := map[string]position{}
	for _, text := range list {
		at := strings.LastIndexByte(text, '@')
		if at < 0 {
			return nil, staging.Errorf(staging.CodeUsage, "give NAME@POSITION of a line", "%q is no position", text)
		}
		micros, n, _ := strings.Cut(text[at+1:], ".")
		m, err := strconv.ParseInt(micros, 10, 64)
		k, err2 := strconv.Atoi(n)
		if err != nil || err2 != nil {
			return nil, staging.Errorf(staging.CodeUsage, "give NAME@POSITION of a line", "%q is no position", text)
		}
		marks[text[:at]] = position{m, k}
	}
	return marks, nil
}
