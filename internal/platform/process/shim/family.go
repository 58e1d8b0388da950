//go:build linux

package shim

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MarkerVariable is in the environment of every process of a workload where
// no namespace holds them together.
const MarkerVariable = "OFFSHOOT_PROCESS"

// sessionVariable is in that of every process of one attached command.
const sessionVariable = "OFFSHOOT_SESSION"

// family says which processes belong together: those that carry a mark, those
// of a session, and the descendants of both.
type family struct {
	// mark is NAME=VALUE, "" for none.
	mark string
	// root is a process whose session and descendants belong, 0 for none.
	root int
	// below is a process whose descendants belong without itself, 0 for none.
	below int
	// all is every process there is but this one: right only for PID 1.
	all bool
}

type process struct {
	pid, parent, session int
	start                string
	state                byte
}

// Ended is whether the process is a zombie or dead.
func (p process) ended() bool { return p.state == 'Z' || p.state == 'X' }

// members are parents before their children.
func (f family) members() ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	in := map[int]bool{}
	for _, p := range all {
		in[p.pid] = f.all || f.root != 0 && (p.pid == f.root || p.session == f.root) || f.below != 0 && p.parent == f.below || marked(p.pid, f.mark)
	}
	var members []process
	for more := true; more; {
		more = false
		for _, p := range all {
			if !in[p.pid] && in[p.parent] && p.parent != self {
				in[p.pid], more = true, true
			}
		}
	}
	for _, p := range all {
		if in[p.pid] && p.pid != self && !p.ended() {
			members = append(members, p)
		}
	}
	depth := map[int]int{}
	for range members {
		for _, p := range members {
			if in[p.parent] && p.parent != self {
				depth[p.pid] = min(depth[p.parent]+1, len(members))
			}
		}
		if len(members) > 64 {
			break // order matters among a server's processes, not in a crowd
		}
	}
	slices.SortStableFunc(members, func(a, b process) int { return depth[a.pid] - depth[b.pid] })
	return members, nil
}

func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := look(pid); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// look reads /proc/PID/stat (proc(5)); the name in brackets may hold anything.
func look(pid int) (process, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	session, _ := strconv.Atoi(fields[3])
	return process{pid: pid, parent: parent, session: session, start: fields[19], state: fields[0][0]}, true
}

func marked(pid int, mark string) bool {
	if mark == "" {
		return false
	}
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && (bytes.HasPrefix(env, []byte(mark+"\x00")) || bytes.Contains(env, []byte("\x00"+mark+"\x00")))
}

// send signals that process and no later one of its number.
func (p process) send(s unix.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if now, ok := look(p.pid); ok && now.start == p.start {
		_ = unix.PidfdSendSignal(fd, s, nil, 0)
	}
}

func (f family) signal(s unix.Signal) {
	members, _ := f.members() // what cannot be seen now is found by end
	for _, p := range members {
		p.send(s)
	}
}

// endLimit bounds the search for processes that beget others while they are
// searched for, and seeing killed ones gone: that takes a moment of a processor,
// which on a busy host may be long in coming.
const endLimit = 30 * time.Second

// end stops every member, so that none begets another unseen, then kills them
// and sees them gone.
func (f family) end() error {
	held := map[process]bool{}
	pause := time.Millisecond
	for began := time.Now(); time.Since(began) < endLimit; {
		members, err := f.members()
		if err != nil {
			return err
		}
		if len(members) == 0 {
			return nil
		}
		fresh := false
		for _, p := range members {
			key := process{pid: p.pid, start: p.start}
			if !held[key] {
				held[key], fresh = true, true
				p.send(unix.SIGSTOP)
			}
		}
		if fresh {
			continue
		}
		for _, p := range members {
			p.send(unix.SIGKILL)
		}
		<-time.After(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
	return fmt.Errorf("processes do not end")
}

// stall is how long after its signal a process stands still at the latest,
// unless it waits for another that does, or for a processor: so each further
// try is given twice as long.
const stall = 200 * time.Millisecond

// hold stops all members, parents before children: a server before those whose
// end or silence it would remark. It returns when none runs.
func (f family) hold(ctx context.Context) error {
	held := map[process]bool{}
	pause, since, patience := 200*time.Microsecond, time.Now(), stall
	for {
		if time.Since(since) > patience {
			// One that waits in vfork(2) for a child that was stopped before it
			// executed anything never stops itself: all go on, and again.
			f.release()
			clear(held)
			since, patience = time.Now(), 2*patience
		}
		members, err := f.members()
		if err != nil {
			return err
		}
		still := true
		for _, p := range members {
			key := process{pid: p.pid, start: p.start}
			if !held[key] {
				held[key] = true
				p.send(unix.SIGSTOP)
			}
			still = still && stopped(p.pid)
		}
		if still {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not all processes stand still: %w", ctx.Err())
		case <-time.After(pause):
		}
		pause = min(2*pause, 10*time.Millisecond)
	}
}

// stopped is whether every thread of a process stands still or is gone.
func stopped(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return true
	}
	for _, t := range threads {
		text, err := os.ReadFile(dir + "/" + t.Name() + "/stat")
		if err != nil {
			continue
		}
		rest := strings.TrimSpace(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if rest == "" || !strings.Contains("TtZX", rest[:1]) {
			return false
		}
	}
	return true
}

// release lets all members go on, children before parents.
func (f family) release() {
	members, _ := f.members()
	slices.Reverse(members)
	for _, p := range members {
		p.send(unix.SIGCONT)
	}
}

// EndMarked ends every process that carries a workload's marker, and their
// descendants: for a driver whose shim was killed. It answers when none is
// left.
func EndMarked(marker string) error {
	if marker == "" {
		return nil
	}
	return family{mark: MarkerVariable + "=" + marker}.end()
}
