package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// peer does by hand what a create does: a worktree, a build, a cluster, the
// data restored, the migration, the application.
type peer struct {
	repo string
	dir  string
	bin  string
	// dump is the data as a file, made once.
	dump string
	cred *syscall.Credential
}

// manual are the durations of one round, in milliseconds.
type manual struct{ worktree, build, initdb, start, restore, redis, migrate, boot, again float64 }

func (m manual) total() float64 {
	return m.worktree + m.build + m.initdb + m.start + m.restore + m.redis + m.migrate + m.boot
}

func newPeer(h *host, repo string) (*peer, error) {
	p := &peer{repo: repo, dir: filepath.Join(h.dir, "by-hand")}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return number(b) - number(a) })
		p.bin = found[0]
	} else if path, err := exec.LookPath("postgres"); err == nil {
		p.bin = filepath.Dir(path)
	} else {
		return nil, errors.New("the peer needs Postgres with its clients on this machine")
	}
	if os.Geteuid() == 0 { // Postgres refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		p.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if err := os.Mkdir(p.dir, 0o755); err != nil || p.cred == nil {
		return p, err
	}
	return p, os.Chown(p.dir, int(p.cred.Uid), int(p.cred.Gid))
}

func number(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
	return n
}

// as runs one of Postgres's programs as its user.
func (p *peer) as(ctx context.Context, name string, args ...string) (float64, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: p.cred}
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return ms(time.Since(begin)), nil
}

// daemon starts a program and polls until it is up.
func daemon(ctx context.Context, cmd *exec.Cmd, up func(context.Context) error) (float64, error) {
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := up(ctx)
		if err == nil {
			return ms(time.Since(begin)), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%s: %w", cmd.Path, err)
		}
	}
}

func end(cmd *exec.Cmd, how syscall.Signal) error {
	if cmd.Process == nil {
		return nil
	}
	err := cmd.Process.Signal(how)
	_ = cmd.Wait() // ends by that signal
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (p *peer) postgres(ctx context.Context, data string, port int) (*exec.Cmd, float64, error) {
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", "", "-c", "listen_addresses=127.0.0.1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred}
	took, err := daemon(ctx, cmd, func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://app@127.0.0.1:%d/postgres?sslmode=disable", port))
		if err != nil {
			return err
		}
		_, err = c.Exec(ctx, "SELECT 1")
		return errors.Join(err, c.Close(ctx))
	})
	return cmd, took, err
}

// round does one branch by hand and takes it away again.
func (p *peer) round(ctx context.Context, branch string) (m manual, err error) {
	tree, data := filepath.Join(p.dir, "tree"), filepath.Join(p.dir, "data")
	var d time.Duration
	if d, err = command(ctx, p.repo, identity, "git", "worktree", "add", "-q", "--force", tree, branch); err != nil {
		return m, err
	}
	m.worktree = ms(d)
	defer func() {
		err = errors.Join(err, git(context.WithoutCancel(ctx), p.repo, "worktree", "remove", "--force", tree), os.RemoveAll(data))
	}()
	if d, err = command(ctx, tree, []string{"GOFLAGS=-buildvcs=false"}, "go", "build", "-o", "bin/app", "."); err != nil {
		return m, err
	}
	m.build = ms(d)
	if m.initdb, err = p.as(ctx, "initdb", "-D", data, "-U", "app", "-A", "trust"); err != nil {
		return m, err
	}
	port, err := freePort()
	if err != nil {
		return m, err
	}
	server, took, err := p.postgres(ctx, data, port)
	defer func() { err = errors.Join(err, end(server, syscall.SIGINT)) }()
	if m.start = took; err != nil {
		return m, err
	}
	at := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "app"}
	created, err := p.as(ctx, "createdb", append(at, "app")...)
	if err != nil {
		return m, err
	}
	if p.dump != "" {
		if m.restore, err = p.as(ctx, "pg_restore", append(at, "-d", "app", "-j", "2", p.dump)...); err != nil {
			return m, err
		}
	}
	m.restore += created
	if err := p.application(ctx, tree, port, &m); err != nil {
		return m, err
	}
	if p.dump == "" {
		p.dump = filepath.Join(p.dir, "dump")
		_, err := p.as(ctx, "pg_dump", append(at, "-Fc", "-f", p.dump, "app")...)
		return m, err
	}
	// A start of the same server once more, after a clean stop: what waking
	// one costs at the least.
	if err := end(server, syscall.SIGINT); err != nil {
		return m, err
	}
	server, m.again, err = p.postgres(ctx, data, port)
	return m, err
}

// application migrates and runs the application until it answers.
func (p *peer) application(ctx context.Context, tree string, database int, m *manual) (err error) {
	ports := make([]int, 2)
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return err
		}
	}
	redis := exec.Command("redis-server", "--port", strconv.Itoa(ports[0]), "--bind", "127.0.0.1", "--save", "", "--dir", p.dir)
	defer func() { err = errors.Join(err, end(redis, syscall.SIGKILL)) }()
	if m.redis, err = daemon(ctx, redis, func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(ports[0]))
		if err != nil {
			return err
		}
		return c.Close()
	}); err != nil {
		return err
	}
	env := []string{fmt.Sprintf("DATABASE_URL=postgres://app@127.0.0.1:%d/app?sslmode=disable", database),
		fmt.Sprintf("REDIS_URL=redis://127.0.0.1:%d", ports[0]), fmt.Sprintf("PORT=%d", ports[1]), fmt.Sprintf("FILL_MB=%d", dataMB)}
	d, err := command(ctx, tree, env, "bin/app", "migrate")
	if err != nil {
		return err
	}
	m.migrate = ms(d)
	if p.dump == "" {
		if _, err := command(ctx, tree, env, "bin/app", "fill"); err != nil {
			return err
		}
	}
	app := exec.Command(filepath.Join(tree, "bin/app"), "web")
	app.Env = append(os.Environ(), env...)
	defer func() { err = errors.Join(err, end(app, syscall.SIGKILL)) }()
	m.boot, err = daemon(ctx, app, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/up", ports[1]), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			err = errors.New(resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	})
	return err
}
