package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// console types into `offshoot console` on a real terminal: console ENV.
func console(ts *testscript.TestScript, _ bool, args []string) {
	master, tty, err := pty.Open()
	ts.Check(err)
	defer func() { _ = tty.Close(); _ = master.Close() }()
	ts.Check(pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 101}))
	cmd := exec.Command(filepath.Join(strings.Split(ts.Getenv("PATH"), ":")[0], "offshoot"), "console", args[0], "--", "sh")
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "OFFSHOOT_SERVER", "OFFSHOOT_DATA_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	var shown screen
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			_, _ = shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	expect := func(text string) {
		deadline := time.NewTimer(30 * time.Second)
		defer deadline.Stop()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(shown.String(), text) {
			select {
			case <-tick.C:
			case <-deadline.C:
				ts.Fatalf("the terminal never shows %q but:\n%s", text, shown.String())
			}
		}
	}
	send := func(text string) { _, err := master.WriteString(text); ts.Check(err) }
	send("echo be''gun; stty size\n")
	expect("begun")
	expect("33 101")
	ts.Check(pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: 90}))
	ts.Check(cmd.Process.Signal(unix.SIGWINCH))
	send("for i in 1 2 3 4 5 6 7 8 9 10; do stty size; sleep 0.1; done\n")
	expect("40 90")
	send("echo sle''eps; sleep 100\n")
	expect("sleeps")
	send("\x03")
	send("echo code $?\n")
	expect("code 130")
	send("exit 7\n")
	err = <-done
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 { //nolint:errorlint // Wait answers it bare
		ts.Fatalf("the console ended with %v\n%s", err, shown.String())
	}
	state, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
	ts.Check(err)
	if state.Lflag&unix.ECHO == 0 || state.Lflag&unix.ICANON == 0 {
		ts.Fatalf("the terminal is left raw")
	}
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
	stop(ts, false, []string{"-9"})
	err = cmd.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 || !strings.Contains(said.String(), "error: the connection to the server broke") { //nolint:errorlint // Wait answers it bare
		ts.Fatalf("a broken connection: %v, %s", err, said.String())
	}
}
