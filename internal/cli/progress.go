package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

const (
	// spin is how often the line of what runs is drawn on a terminal.
	spin = 100 * time.Millisecond
	// remind is how often what runs long is said elsewhere.
	remind = 15 * time.Second
)

// What a terminal calls its colours (ECMA-48, SGR).
const (
	faint = 2
	red   = 31
	green = 32
	cyan  = 36
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// progress shows the steps of a deployment: each with its time when it has
// ended, and what runs meanwhile - as a line that moves on a terminal, as a
// plain line now and then elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	color    bool
	quiet    bool

	mu      sync.Mutex
	shown   map[string]bool
	running []runningStep
	waiting string
	frame   int
	drawn   bool
	stop    chan struct{}
	done    sync.WaitGroup
}

type runningStep struct {
	name, detail string
	since        time.Time
	reminded     time.Time
}

// progress begins to show one; close ends it.
func (s *stdio) progress() *progress {
	p := &progress{w: s.err, quiet: s.quiet, shown: map[string]bool{}, stop: make(chan struct{})}
	if _, ok := terminal(s.err); ok && os.Getenv("TERM") != "dumb" {
		p.terminal = true
		p.color = os.Getenv("NO_COLOR") == "" // https://no-color.org
	}
	if p.quiet {
		return p
	}
	p.done.Go(func() {
		tick := time.NewTicker(spin)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.draw()
			}
		}
	})
	return p
}

// paint is the text in a colour, where colours are wanted.
func (p *progress) paint(color int, text string) string {
	if !p.color || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", color, text)
}

// close leaves only what has ended on the screen.
func (p *progress) close() {
	close(p.stop)
	p.done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// update shows what has ended since, and notes what runs.
func (p *progress) update(d *wire.Deployment, v wire.Environment) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.running
	p.running, p.waiting = nil, ""
	if v.Phase == string(staging.PhaseQueued) && v.Reason != "" {
		p.waiting = "queued: " + v.Reason
	}
	for _, step := range d.Steps {
		switch staging.StepState(step.State) {
		case staging.StepDone, staging.StepFailed:
			p.ended(step)
		case staging.StepRunning:
			r := runningStep{name: step.Name, detail: step.Detail, since: time.Now().Add(-time.Duration(step.DurationMS) * time.Millisecond), reminded: time.Now()}
			for _, b := range before {
				if b.name == step.Name {
					r.since, r.reminded = b.since, b.reminded
				}
			}
			p.running = append(p.running, r)
			p.said(step)
		}
	}
}

// phase shows how an environment is, where no deployment runs.
func (p *progress) phase(v wire.Environment) {
	text := v.Branch + " is " + v.Phase
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	p.say(text)
}

// say shows on a terminal what is waited for.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.waiting = nil, text
}

func (p *progress) ended(step wire.Step) {
	if p.shown[step.Name] {
		return
	}
	p.shown[step.Name] = true
	p.clear()
	detail := ""
	if step.Detail != "" {
		detail = "  " + step.Detail
	}
	if !p.terminal {
		_, _ = fmt.Fprintf(p.w, "  %-12s %-7s %9s%s\n", step.Name, step.State, human.Took(step.DurationMS), detail)
		return
	}
	mark := p.paint(green, "✓")
	if step.State == string(staging.StepFailed) {
		mark = p.paint(red, "✗")
	}
	_, _ = fmt.Fprintf(p.w, "%s %-12s %9s%s\n", mark, step.Name, human.Took(step.DurationMS), p.paint(faint, detail))
}

// said shows each new thing that a running step says of itself, where no line
// of it is drawn.
func (p *progress) said(step wire.Step) {
	key := step.Name + ": " + step.Detail
	if !p.terminal && step.Detail != "" && !p.shown[key] {
		p.shown[key] = true
		_, _ = fmt.Fprintf(p.w, "  %-12s %s\n", step.Name, step.Detail)
	}
}

// draw shows what runs.
func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		for i := range p.running {
			r := &p.running[i]
			if time.Since(r.reminded) >= remind {
				r.reminded = time.Now()
				_, _ = fmt.Fprintf(p.w, "  %-12s running %9s\n", r.name, human.Span(time.Since(r.since)))
			}
		}
		return
	}
	parts := []string{}
	for _, r := range p.running {
		part := fmt.Sprintf("%s %.1f s", r.name, time.Since(r.since).Seconds())
		if r.detail != "" {
			part += " (" + r.detail + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 && p.waiting != "" {
		parts = append(parts, p.waiting)
	}
	p.clear()
	if len(parts) == 0 {
		return
	}
	p.frame++
	line := []rune(strings.Join(parts, " · "))
	if width := p.width() - 3; len(line) > width {
		line = line[:max(0, width)]
	}
	_, _ = fmt.Fprintf(p.w, "%s %s", p.paint(cyan, string(spinner[p.frame%len(spinner)])), string(line))
	p.drawn = true
}

func (p *progress) clear() {
	if p.drawn {
		_, _ = fmt.Fprint(device(p.w), "\r\x1b[2K")
		p.drawn = false
	}
}

func (p *progress) width() int {
	if fd, ok := terminal(p.w); ok {
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
