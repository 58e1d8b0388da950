package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// screen collects what a terminal shows.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// escape is what sets colours and clears lines.
var escape = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// terminal is a program of ours on a real terminal of 33 lines of 101 columns.
type terminal struct {
	ts          *testscript.TestScript
	master, tty *os.File
	cmd         *exec.Cmd
	shown       screen
	done        chan error
}

func openTerminal(ts *testscript.TestScript, args ...string) *terminal {
	master, tty, err := pty.Open()
	ts.Check(err)
	ts.Check(pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 101}))
	t := &terminal{ts: ts, master: master, tty: tty, cmd: exec.Command(filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], "offshoot"), args...), done: make(chan error, 1)}
	t.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "OFFSHOOT_SERVER", "OFFSHOOT_DATA_DIR"} {
		t.cmd.Env = append(t.cmd.Env, name+"="+ts.Getenv(name))
	}
	t.cmd.Env = append(t.cmd.Env, "TERM=xterm")
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = tty, tty, tty
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C reaches it
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			_, _ = t.shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	ts.Check(t.cmd.Start())
	go func() { t.done <- t.cmd.Wait() }()
	return t
}

func (t *terminal) close() { _ = t.tty.Close(); _ = t.master.Close() }

func (t *terminal) expect(text string) {
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(escape.ReplaceAllString(t.shown.String(), ""), text) {
		select {
		case <-tick.C:
		case <-deadline.C:
			_ = t.cmd.Process.Kill()
			t.ts.Fatalf("the terminal never shows %q but:\n%s", text, t.shown.String())
		}
	}
}

// lacks is asked when all has been said.
func (t *terminal) lacks(text string) {
	if shown := t.shown.String(); strings.Contains(shown, text) {
		t.ts.Fatalf("the terminal shows %q:\n%s", text, shown)
	}
}

func (t *terminal) send(text string) {
	_, err := t.master.WriteString(text)
	t.ts.Check(err)
}

// ends checks the exit code, and that the terminal is as it was.
func (t *terminal) ends(code int) {
	if err := <-t.done; t.cmd.ProcessState.ExitCode() != code {
		t.ts.Fatalf("it ended with %v, not exit code %d\n%s", err, code, t.shown.String())
	}
	state, err := unix.IoctlGetTermios(int(t.tty.Fd()), getTermios)
	t.ts.Check(err)
	if state.Lflag&unix.ECHO == 0 || state.Lflag&unix.ICANON == 0 {
		t.ts.Fatalf("the terminal is left raw")
	}
}

// person is somebody at a terminal:
// person CODE [TEXT-TO-SEE | <TEXT-TO-TYPE | !TEXT-NOT-TO-SEE]… -- ARGS…
// What is typed may be ^C, else it is a line.
func person(ts *testscript.TestScript, _ bool, args []string) {
	at := slices.Index(args, "--")
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	t := openTerminal(ts, args[at+1:]...)
	defer t.close()
	for _, step := range args[1:at] {
		switch typed, ok := strings.CutPrefix(step, "<"); {
		case typed == "^C":
			t.send("\x03")
		case ok:
			t.send(typed + "\n")
		case strings.HasPrefix(step, "!"):
			defer t.lacks(step[1:])
		default:
			t.expect(step)
		}
	}
	t.ends(code)
}

// console types into `offshoot console` on a real terminal: console ENV.
func console(ts *testscript.TestScript, _ bool, args []string) {
	t := openTerminal(ts, "console", args[0], "--", "sh")
	defer t.close()
	t.send("echo be''gun; stty size\n")
	t.expect("begun")
	t.expect("33 101")
	ts.Check(pty.Setsize(t.master, &pty.Winsize{Rows: 40, Cols: 90}))
	ts.Check(t.cmd.Process.Signal(unix.SIGWINCH))
	t.send("for i in 1 2 3 4 5 6 7 8 9 10; do stty size; sleep 0.1; done\n")
	t.expect("40 90")
	t.send("echo sle''eps; sleep 100\n")
	t.expect("sleeps")
	t.send("\x03")
	t.send("echo code $?\n")
	t.expect("code 130")
	t.send("exit 7\n")
	t.ends(7)
}

// broken runs a command in an environment and kills the server under it:
// broken ENV.
func broken(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], "offshoot"), "console", args[0], "--", "sh", "-c", "echo begun; sleep 300")
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "OFFSHOOT_SERVER", "OFFSHOOT_DATA_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	in, err := cmd.StdinPipe()
	ts.Check(err)
	defer func() { _ = in.Close() }()
	ts.Check(cmd.Start())
	word := make([]byte, 5)
	_, err = out.Read(word)
	ts.Check(err)
	halt(ts, false, []string{"-9"})
	err = cmd.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 || !strings.Contains(said.String(), "error: the connection to the server broke") { //nolint:errorlint // Wait answers it bare
		ts.Fatalf("a broken connection: %v, %s", err, said.String())
	}
}
