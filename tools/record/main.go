// Command record makes the pictures of the README from a real run: it starts
// the demo, types the commands of a session into it, and draws what they
// answered, when they answered it. Where Chromium is installed it looks at the
// demo's two sites too.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// prepare is done before anything is typed: the branch's environment goes, so
// that it can be created.
const prepare = "offshoot destroy . --yes -q"

// session is what is typed in the checkout of the branch.
var session = []string{
	"offshoot create",
	"offshoot psql . -- -Atc \"select count(*) || ' products, ' || count(badge) || ' with a badge' from product\"",
	"sed -i 's/made to stay/made to last/' cmd/web/page/catalogue.html; git commit -qam 'Say it better'; offshoot deploy",
	"offshoot ls",
	"offshoot destroy . --yes",
}

// patience bounds the whole recording.
const patience = 20 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := run(ctx, "docs"); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, docs string) (err error) {
	d, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	if err := picture(ctx, d.sites, filepath.Join(docs, "shop.png")); err != nil {
		return err
	}
	if out, err := d.shell(ctx, prepare).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var lines []line
	begun := time.Now()
	for _, command := range session {
		lines = append(lines, line{at: time.Since(begun), text: "$ " + command, typed: true})
		said, err := d.typed(ctx, command, begun)
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		lines = append(lines, said...)
	}
	return os.WriteFile(filepath.Join(docs, "recording.svg"), []byte(terminal(lines)), 0o644)
}

// demo is the one that runs.
type demo struct {
	cmd *exec.Cmd
	// env and dir are what its last lines tell people to use.
	env   []string
	dir   string
	sites []string
}

var (
	settings = regexp.MustCompile(`export OFFSHOOT_SERVER=(\S+) OFFSHOOT_DATA_DIR='([^']+)'`)
	folder   = regexp.MustCompile(`^ *cd '([^']+)'`)
	site     = regexp.MustCompile(`^http://\S+\.localhost\S*$`)
)

func start(ctx context.Context) (*demo, error) {
	program, err := filepath.Abs("bin/offshoot")
	if err != nil {
		return nil, err
	}
	d := &demo{cmd: exec.CommandContext(ctx, program, "demo")}
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) } // it cleans up
	d.cmd.WaitDelay = 3 * time.Minute
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text := lines.Text()
		if site.MatchString(text) {
			d.sites = append(d.sites, text)
		}
		if m := settings.FindStringSubmatch(text); m != nil {
			d.env = append(os.Environ(), "OFFSHOOT_SERVER="+m[1], "OFFSHOOT_DATA_DIR="+m[2], "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"),
				"GIT_AUTHOR_NAME=Fieldhouse", "GIT_AUTHOR_EMAIL=shop@fieldhouse.example", "GIT_COMMITTER_NAME=Fieldhouse", "GIT_COMMITTER_EMAIL=shop@fieldhouse.example")
		}
		if m := folder.FindStringSubmatch(text); m != nil {
			d.dir = m[1]
			return d, nil
		}
	}
	return nil, errors.Join(errors.New("the demo ended early"), d.cmd.Wait())
}

func (d *demo) end() error {
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return d.cmd.Wait()
}

func (d *demo) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = d.dir, d.env
	return cmd
}

// typed runs a command and notes when it said what.
func (d *demo) typed(ctx context.Context, command string, begun time.Time) ([]line, error) {
	cmd := d.shell(ctx, command)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var said []line
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, line{at: time.Since(begun), text: strings.TrimRight(lines.Text(), " ")})
	}
	return said, cmd.Wait()
}
