//go:build linux

package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// TestLogsAreFollowedWithoutLoss writes over many segments, crashes, is
// deleted and comes back under its name, while somebody reads along.
func TestLogsAreFollowedWithoutLoss(t *testing.T) {
	h := newHost(t)
	const each, runs = 60_000, 3
	pad := strings.Repeat("x", 150) // three segments a run
	r := workload("talk", fmt.Sprintf(`touch /tmp/runs; n=$(wc -l < /tmp/runs); [ $n -lt 2 ] || { echo end; while :; do sleep 60; done; }
echo >> /tmp/runs; awk -v n=$n 'BEGIN { for (i = 0; i < %d; i++) print n * %d + i, "%s" }'; exit 3`, each, each, pad))
	next, ended := 0, 0
	enough := errors.New("enough")
	done := make(chan error, 1)
	again := make(chan struct{})
	go func() {
		done <- h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1, Follow: true}, func(l platform.LogLine) error {
			if l.Stream != "stdout" {
				return nil
			}
			if string(l.Text) == "end" {
				if ended++; ended == 1 {
					close(again)
					return nil
				}
				return enough
			}
			n, _, _ := strings.Cut(string(l.Text), " ")
			if n != strconv.Itoa(next) {
				return fmt.Errorf("line %s comes where %d should", n, next)
			}
			next++
			return nil
		})
	}()
	h.apply(r)
	select {
	case <-again:
	case err := <-done:
		t.Fatalf("after %d lines: %v", next, err)
	}
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Fatal(err)
	}
	h.apply(r) // as a wake does
	if err := <-done; !errors.Is(err, enough) || next != (runs-1)*each {
		t.Errorf("%d lines, %v", next, err)
	}
}

func TestALogIsBoundedAndSaysSo(t *testing.T) {
	h := newHost(t)
	r := task("flood", `awk 'BEGIN { s = "x"; while (length(s) < 9000) s = s s; s = substr(s, 1, 9000); for (i = 0; i < 9000; i++) print i, s }'`)
	h.apply(r)
	h.until(r, exited)
	first, size, said := "", 0, false
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1}, func(l platform.LogLine) error {
		size += len(l.Text)
		said = said || l.Stream == "offshoot" && strings.Contains(string(l.Text), "the log is full (64 MB): its oldest lines are gone")
		if first == "" {
			first, _, _ = strings.Cut(string(l.Text), " ")
		}
		return nil
	})
	if err != nil || first == "0" || !said || size > 72<<20 || size < 56<<20 {
		t.Errorf("first line %s of %d bytes, said %v, %v", first, size, said, err)
	}
	var last []string
	err = h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: 2}, func(l platform.LogLine) error {
		n, _, _ := strings.Cut(string(l.Text), " ")
		last = append(last, n)
		return nil
	})
	if err != nil || strings.Join(last, " ") != "8998 8999" {
		t.Errorf("the last two: %v, %v", last, err)
	}
}

// TestReadingEndsThoughWritingGoesOn writes a line for each one that is read.
func TestReadingEndsThoughWritingGoesOn(t *testing.T) {
	h := newHost(t)
	r := task("chatty", `seq 10`)
	h.run(r)
	segment, err := os.OpenFile(filepath.Join(h.dir, "env", r.Name, "log", "00000001"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = segment.Close() }()
	n, enough := 0, errors.New("enough")
	err = h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Names: []string{r.Name}, Tail: -1}, func(platform.LogLine) error {
		if n++; n > 20 {
			return enough
		}
		_, err := fmt.Fprintln(segment, "1700000000000000 o more")
		return err
	})
	if err != nil || n < 10 {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestLogsOfWhatIsGoneAreKept(t *testing.T) {
	h := newHost(t)
	r := task("release", `echo migrated`)
	h.run(r)
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Fatal(err)
	}
	if out := h.logs(r); out != "migrated\n" {
		t.Errorf("a deleted task said %q", out)
	}
	for i := range 10 {
		x := task("n"+strconv.Itoa(i), `echo x`)
		x.Workload.Service = "same"
		h.run(x)
		if err := h.Delete(h.ctx, ref(x)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Tail: -1}, func(l platform.LogLine) error {
		if l.Service == "same" {
			n++
		}
		return nil
	})
	if err != nil || n != 6 {
		t.Errorf("%d of 10 logs are kept, %v", n, err)
	}
	if all, err := h.List(h.ctx, "env_a"); err != nil || len(all) != 1 || all[0].Kind != staging.ResourceScope {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestManyLinesArriveWhole(t *testing.T) {
	h := newHost(t)
	const lines = 200_000
	r := task("flood", fmt.Sprintf("seq 1 %d", lines))
	if _, out := h.run(r); strings.Count(out, "\n") != lines {
		ls, _ := exec.Command("find", h.dir, "-path", "*log*", "-ls").Output()
		t.Errorf("%d of %d lines\n%s", strings.Count(out, "\n"), lines, ls)
	}
}
