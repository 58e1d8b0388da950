package control

import (
	"slices"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/redact"
	"offshoot/internal/wire"
)

// read runs lines through a reader as the platform would.
func read(t *testing.T, q LogQuery, lines []platform.LogLine) ([]wire.LogLine, error) {
	t.Helper()
	marks, err := positions(q.After)
	if err != nil {
		t.Fatal(err)
	}
	var got []wire.LogLine
	r := &logReader{query: q, after: marks, read: map[string]position{}, red: redact.New([]string{"hunter2hunter2"}), streams: map[string]*redact.Stream{},
		line: func(l wire.LogLine) error { got = append(got, l); return nil }}
	for _, l := range lines {
		if err := r.take(l); err != nil {
			t.Fatal(err)
		}
	}
	return got, r.end()
}

func texts(lines []wire.LogLine) []string {
	var list []string
	for _, l := range lines {
		list = append(list, l.Text)
	}
	return list
}

const (
	oldWeb = "env_a/workload/web.dep_aaaaaaaaaaaaaaaa.0"
	newWeb = "env_a/workload/web.dep_bbbbbbbbbbbbbbbb.0"
)

func lines() []platform.LogLine {
	at := time.UnixMicro(1000)
	var list []platform.LogLine
	add := func(name, service, stream, text string, later time.Duration) {
		at = at.Add(later)
		list = append(list, platform.LogLine{At: at, Name: name, Service: service, Stream: stream, Text: []byte(text)})
	}
	add(oldWeb, "web", "stdout", "old 1", time.Millisecond)
	add(oldWeb, "web", "stdout", "old 2", 0) // the same microsecond
	add(newWeb, "web", "stdout", "new 1", time.Millisecond)
	add("env_a/workload/worker.dep_bbbbbbbbbbbbbbbb.0", "worker", "stdout", "work 1", 0)
	add("env_a/workload/worker.dep_bbbbbbbbbbbbbbbb.0", "worker", "offshoot", "ended with 1 (exit), starts again in 1s", time.Millisecond)
	add("env_a/workload/worker.dep_bbbbbbbbbbbbbbbb.0", "worker", "stdout", "work 2", time.Millisecond)
	add(newWeb, "web", "stderr", "new 2", time.Millisecond)
	return list
}

// TestLogsGoOnWhereTheyWereBrokenOff breaks the reading off after each line.
func TestLogsGoOnWhereTheyWereBrokenOff(t *testing.T) {
	all, err := read(t, LogQuery{Tail: -1}, lines())
	if err != nil || len(all) != len(lines()) {
		t.Fatalf("%d lines, %v", len(all), err)
	}
	for broken := range len(all) + 1 {
		var after []string
		seen := map[string]string{}
		for _, l := range all[:broken] {
			seen[l.Name] = l.Position
		}
		for name, position := range seen {
			after = append(after, name+"@"+position)
		}
		rest, err := read(t, LogQuery{Tail: -1, After: after}, lines())
		if got := append(texts(all[:broken]), texts(rest)...); err != nil || !slices.Equal(got, texts(all)) {
			t.Errorf("broken off after %d: %q, %v", broken, got, err)
		}
	}
}

func TestLogsOfOnePart(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    LogQuery
		want []string
	}{
		{"tail of a service", LogQuery{Service: "web", Tail: 2}, []string{"new 1", "new 2"}},
		{"no lines", LogQuery{Tail: 0}, nil},
		{"previous", LogQuery{Previous: true, Tail: -1}, []string{"old 1", "old 2", "work 1", "ended with 1 (exit), starts again in 1s"}},
		{"previous of a service", LogQuery{Previous: true, Service: "web", Tail: 1}, []string{"old 2"}},
	} {
		got, err := read(t, tt.q, lines())
		if err != nil || !slices.Equal(texts(got), tt.want) {
			t.Errorf("%s: %q, %v", tt.name, texts(got), err)
		}
	}
	if _, err := read(t, LogQuery{Previous: true, Tail: -1}, lines()[2:4]); err == nil {
		t.Error("nothing ran before, and that is not said")
	}
	if _, err := positions([]string{"no position"}); err == nil {
		t.Error("a position that is none")
	}
}

func TestASecretOverTwoPiecesOfALine(t *testing.T) {
	long := make([]byte, cut)
	for i := range long {
		long[i] = 'x'
	}
	copy(long[cut-7:], "hunter2")
	got, err := read(t, LogQuery{Tail: -1}, []platform.LogLine{{Name: "a", Stream: "stdout", Text: long}, {Name: "a", Stream: "stdout", Text: []byte("hunter2 end")}})
	if err != nil || len(got) != 2 || len(got[0].Text) != cut-7 || got[1].Text != redact.Mark+" end" {
		t.Errorf("%d lines, %v: %q", len(got), err, got[len(got)-1].Text)
	}
}
