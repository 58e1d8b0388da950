package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// overSSH dials the engine of another account by the system's ssh, with the keys,
// hosts and agents that its user has set up: there `docker system dial-stdio`
// passes on what is written.
func overSSH(u *url.URL) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	host := u.Hostname()
	if host == "" || strings.HasPrefix(host, "-") || u.Path != "" || u.RawQuery != "" {
		return nil, errors.New("write ssh://USER@HOST:PORT")
	}
	if _, ok := u.User.Password(); ok {
		return nil, errors.New("a password cannot be given: ssh uses keys")
	}
	args := []string{"-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if port := u.Port(); port != "" {
		args = append(args, "-p", port)
	}
	args = append(args, "--", host, "docker", "system", "dial-stdio")
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return pipe(exec.CommandContext(context.WithoutCancel(ctx), "ssh", args...)) // a connection outlives its call
	}, nil
}

// pipe is a connection over what a command reads and writes.
func pipe(cmd *exec.Cmd) (net.Conn, error) {
	p := &piped{cmd: cmd, over: make(chan struct{})}
	// What ssh leaves behind for further connections may hold on to that.
	cmd.Stderr, cmd.WaitDelay = &p.said, lastWordsWait
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// piped implements net.Conn and CloseWrite. It knows no deadlines: what is too
// late is closed.
type piped struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	said bounded
	once sync.Once
	over chan struct{}
}

// lastWordsWait is how long it is waited for what ssh complains of.
const lastWordsWait = time.Second

// end waits for ssh in the background: no more is read from it, or it is killed.
func (p *piped) end() {
	p.once.Do(func() {
		go func() {
			_ = p.cmd.Wait()
			close(p.over)
		}()
	})
}

// broken is err, or what ssh complained of where it failed.
func (p *piped) broken(err error) error {
	p.end()
	select {
	case <-p.over:
	case <-time.After(2 * lastWordsWait):
		return err
	}
	if words := p.said.String(); words != "" && p.cmd.ProcessState.ExitCode() > 0 {
		return fmt.Errorf("ssh says: %s", words)
	}
	return err
}

func (p *piped) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil && n == 0 {
		err = p.broken(err)
	}
	return n, err
}

func (p *piped) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		err = p.broken(err)
	}
	return n, err
}

func (p *piped) CloseWrite() error { return p.in.Close() }

func (p *piped) Close() error {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill() // it may wait for a host that is gone
	p.end()
	return nil
}

func (*piped) LocalAddr() net.Addr              { return sshAddr{} }
func (*piped) RemoteAddr() net.Addr             { return sshAddr{} }
func (*piped) SetDeadline(time.Time) error      { return nil }
func (*piped) SetReadDeadline(time.Time) error  { return nil }
func (*piped) SetWriteDeadline(time.Time) error { return nil }

type sshAddr struct{}

func (sshAddr) Network() string { return "ssh" }
func (sshAddr) String() string  { return "ssh" }

// bounded keeps the end of what a program complains of.
type bounded struct {
	mu   sync.Mutex
	text []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	if n := len(b.text); n > 500 {
		b.text = append([]byte(nil), b.text[n-500:]...)
	}
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.ToValidUTF8(string(bytes.TrimSpace(b.text)), "")
}
