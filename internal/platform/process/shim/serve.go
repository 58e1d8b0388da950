//go:build linux

package shim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is where a shim is asked for things beside its command. Each
// connection carries one Request, with the files it needs, and lasts as long
// as what was asked for: a command is hung up and a pause ends with it.
const Socket = "control.sock"

// The requests.
const (
	// Exec runs a command beside the workload's.
	Exec = "exec"
	// Pause stops every process of the workload until the connection ends, or
	// a Resume comes.
	Pause  = "pause"
	Resume = "resume"
	// Listening asks on which TCP addresses the workload's processes listen.
	Listening = "listening"
	// Holds asks whether one of them has a certain socket open.
	Holds = "holds"
)

// Request is what is asked of a shim. Without TTY an exec brings three files:
// its input, output and errors.
type Request struct {
	Op      string   `json:"op"`
	Command []string `json:"command,omitempty"`
	Dir     string   `json:"dir,omitempty"`
	Env     []string `json:"env,omitempty"`
	TTY     bool     `json:"tty,omitempty"`
	Rows    uint16   `json:"rows,omitempty"`
	Cols    uint16   `json:"cols,omitempty"`
	// Socket is the inode of one.
	Socket string `json:"socket,omitempty"`
}

// Reply answers: the first when what was asked for has begun (with the
// terminal, if one was asked for), the second when a command has ended.
type Reply struct {
	Error string `json:"error,omitempty"`
	// Code is the exit code of a command that could not be started, or ended.
	Code      int      `json:"code,omitempty"`
	Listening []string `json:"listening,omitempty"`
	Holds     bool     `json:"holds,omitempty"`
}

type listener struct{ *net.UnixListener }

// listen binds by a relative name: a socket's address holds 107 bytes, and a
// data folder's path may be longer.
func listen(dir string) (*listener, error) {
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	if err := os.Remove(Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: Socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	return &listener{l}, errors.Join(os.Chmod(Socket, 0o600), os.Chdir("/"))
}

// Dial asks the shim of an instance's folder. The connection is the caller's.
func Dial(dir string, r Request, files ...*os.File) (*net.UnixConn, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	path := filepath.Join(fmt.Sprintf("/proc/self/fd/%d", folder.Fd()), Socket)
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := pass(c, files); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// pass sends one byte with files; Receive takes it.
func pass(c *net.UnixConn, files []*os.File) error {
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := c.WriteMsgUnix([]byte{'.'}, rights, nil)
	return err
}

// Receive takes the files that come before a request or reply.
func Receive(c *net.UnixConn) ([]*os.File, error) {
	one, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(3*4))
	n, m, _, _, err := c.ReadMsgUnix(one, rights)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for _, message := range messages {
		fds, err := unix.ParseUnixRights(&message)
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

func (v *supervisor) serve(l *listener) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go v.answer(c)
	}
}

func (v *supervisor) answer(c *net.UnixConn) {
	defer func() { _ = c.Close() }()
	files, err := Receive(c)
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	var r Request
	if err != nil || json.NewDecoder(c).Decode(&r) != nil {
		return
	}
	hung := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, c); close(hung) }()
	switch r.Op {
	case Exec:
		v.exec(c, r, files, hung)
	case Pause:
		v.pause(c, hung)
	case Resume:
		v.pauses.end()
		v.reply(c, nil, Reply{})
	case Listening:
		list, err := v.listening()
		v.reply(c, nil, Reply{Error: said(err), Listening: list})
	case Holds:
		held, err := v.sockets()
		v.reply(c, nil, Reply{Error: said(err), Holds: held[r.Socket]})
	default:
		v.reply(c, nil, Reply{Error: "unknown request " + r.Op})
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (v *supervisor) reply(c *net.UnixConn, file *os.File, r Reply) {
	var files []*os.File
	if file != nil {
		files = append(files, file)
	}
	if pass(c, files) == nil {
		_ = json.NewEncoder(c).Encode(r)
	}
}

const (
	// holdLimit bounds waiting until every process stands still; who asks waits
	// as long.
	holdLimit = 30 * time.Second
	// hangUpGrace is how long a command that was hung up may take to end.
	hangUpGrace = 2 * time.Second
)

func (v *supervisor) pause(c *net.UnixConn, hung <-chan struct{}) {
	all := v.everything()
	ctx, cancel := context.WithTimeout(context.Background(), holdLimit)
	defer cancel()
	over := v.pauses.begin()
	defer over.done(all)
	if err := all.hold(ctx); err != nil {
		v.reply(c, nil, Reply{Error: err.Error()})
		return
	}
	v.reply(c, nil, Reply{})
	select {
	case <-hung:
	case <-over.asked:
	}
}

// pauses are those under way.
type pauses struct {
	mu   sync.Mutex
	held map[*held]bool
}

// held is one pause: asked is closed when it is to end, ended when it has.
type held struct {
	of           *pauses
	asked, ended chan struct{}
}

func (p *pauses) begin() *held {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = map[*held]bool{}
	}
	h := &held{p, make(chan struct{}), make(chan struct{})}
	p.held[h] = true
	return h
}

// done lets everything go on, unless another pause holds it.
func (h *held) done(all family) {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	delete(h.of.held, h)
	if len(h.of.held) == 0 {
		all.release()
	}
	close(h.ended)
}

// end asks all to end and waits for them.
func (p *pauses) end() {
	p.mu.Lock()
	var list []*held
	for h := range p.held {
		list = append(list, h)
		delete(p.held, h)
		close(h.asked)
	}
	p.mu.Unlock()
	for _, h := range list {
		<-h.ended
	}
}

// exec runs a command beside the workload's, with all that it leaves behind
// ended when it ends or is hung up.
func (v *supervisor) exec(c *net.UnixConn, r Request, files []*os.File, hung <-chan struct{}) {
	var mark [8]byte
	_, _ = rand.Read(mark[:])
	session := sessionVariable + "=" + hex.EncodeToString(mark[:])
	env := append(v.marked(r.Env), session)
	what := command{args: r.Command, dir: r.Dir, env: env, files: files, sys: v.credential()}
	var master *os.File
	if r.TTY {
		m, slave, err := v.terminal(r)
		if err != nil {
			v.reply(c, nil, Reply{Error: "terminal: " + err.Error(), Code: CodeNotStarted})
			return
		}
		master, what.files, what.sys.Setctty = m, []*os.File{slave, slave, slave}, true
		defer func() { _ = master.Close() }()
		defer func() { _ = slave.Close() }()
	} else if len(files) != 3 {
		v.reply(c, nil, Reply{Error: "three files are needed", Code: CodeNotStarted})
		return
	}
	var pid int
	var end <-chan syscall.WaitStatus
	var err error
	if what.path, err = lookPath(r.Command, r.Dir, r.Env); err == nil {
		pid, end, err = v.children.start(what)
	}
	if err != nil {
		v.reply(c, nil, Reply{Error: err.Error(), Code: notStarted(err)})
		return
	}
	for _, f := range what.files {
		_ = f.Close() // the command has them
	}
	v.reply(c, master, Reply{})
	if master != nil {
		_ = master.Close()
	}
	kin := family{mark: session, root: pid}
	var status syscall.WaitStatus
	select {
	case status = <-end:
	case <-hung:
		kin.signal(unix.SIGHUP)
		kin.signal(unix.SIGCONT)
		select {
		case status = <-end:
		case <-time.After(hangUpGrace):
			_ = kin.end()
			status = <-end
		}
	}
	err = kin.end()
	v.reply(c, nil, Reply{Error: said(err), Code: describe(status).Code})
}
