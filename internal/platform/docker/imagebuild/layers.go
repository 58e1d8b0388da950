package imagebuild

import (
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/jsonstream"

	"offshoot/internal/human"
)

// layers is how far a pull is: an engine tells of each layer's each bytes.
type layers struct {
	say func(text string, far bool)

	mu    sync.Mutex
	said  map[string]string
	got   map[string]bytesOf
	began time.Time
}

type bytesOf struct {
	now, all int64
	done     bool
}

// watch says every so long how far all is, until end.
func (l *layers) watch(every time.Duration) (end func()) {
	return repeat(every, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.say(l.far(), true)
	})
}

// hear takes a message: a layer's state is a line, not each of its bytes.
func (l *layers) hear(m jsonstream.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of, known := l.got[m.ID]
	switch m.Status {
	case "Pulling fs layer", "Waiting", "Already exists":
		known = true
	case "Downloading":
		if known = true; m.Progress != nil {
			of.now, of.all = m.Progress.Current, max(of.all, m.Progress.Total)
		}
	}
	if known {
		of.done = of.done || m.Status == "Download complete" || m.Status == "Pull complete" || m.Status == "Already exists"
		if of.done {
			of.now = of.all
		}
		l.got[m.ID] = of
	}
	if m.Status == "" || l.said[m.ID] == m.Status {
		return
	}
	l.said[m.ID] = m.Status
	text := m.Status
	if m.ID != "" {
		text = m.ID + ": " + text
	}
	l.say(text, false)
}

func (l *layers) far() string {
	var now, all int64
	done := 0
	for _, of := range l.got {
		now, all = now+of.now, all+of.all
		if of.done {
			done++
		}
	}
	return fmt.Sprintf("%s of %s, %d of %d layers, for %s", human.Size(now), human.Size(all), done, len(l.got), time.Since(l.began).Round(time.Second))
}
