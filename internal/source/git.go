// Package source mirrors each project's repository once and checks revisions
// out of the mirror.
//
// It runs the git program in a closed environment: no configuration of the
// host or of a user, no hooks, submodules or filters, no prompt, a short list
// of transports. It decides nothing about branches and knows no environment.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// killGrace is how long git may take to clean up after it was interrupted.
const killGrace = 5 * time.Second

// maxErrorText bounds what of git's own words reaches a message, in bytes.
const maxErrorText = 600

// run executes git in dir and answers its output. Arguments that come from
// outside must stand behind "--end-of-options" or "--".
func (m *Mirrors) run(ctx context.Context, dir string, extra []string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := m.stream(ctx, dir, extra, &out, args...)
	return out.Bytes(), err
}

func (m *Mirrors) stream(ctx context.Context, dir string, extra []string, stdout io.Writer, args ...string) error {
	return m.pipe(ctx, dir, extra, nil, stdout, args...)
}

func (m *Mirrors) pipe(ctx context.Context, dir string, extra []string, stdin io.Reader, stdout io.Writer, args ...string) error {
	// The settings lead, so that none of a repository's own can undo them.
	settings := []string{
		"-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false",
		"-c", "safe.directory=*", "-c", "gc.auto=0", "-c", "submodule.recurse=false",
		"-c", "credential.helper=", "-c", "transfer.fsckObjects=false", "-c", "core.symlinks=true",
		"-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false",
	}
	cmd := exec.CommandContext(ctx, m.git, append(settings, args...)...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "GIT_OPTIONAL_LOCKS=0",
		"GIT_ALLOW_PROTOCOL=file:git:http:https:ssh", "GIT_LFS_SKIP_SMUDGE=1", "GIT_NO_LAZY_FETCH=1",
	}, extra...)
	cmd.Stdin, cmd.Stdout = stdin, stdout
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killGrace
	err := cmd.Run()
	if err == nil {
		return nil
	}
	command := args[0]
	for command == "-c" {
		args = args[2:]
		command = args[0]
	}
	if ctx.Err() != nil {
		return fmt.Errorf("git %s did not end in time: %w", command, ctx.Err())
	}
	return &gitError{command: command, text: shorten(stderr.String()), err: err}
}

// gitError is what git said when it failed.
type gitError struct {
	command string
	text    string
	err     error
}

func (e *gitError) Error() string {
	if e.text == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.text)
}

func (e *gitError) Unwrap() error { return e.err }

func shorten(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxErrorText {
		text = "…" + strings.ToValidUTF8(text[len(text)-maxErrorText:], "")
	}
	return text
}

// explain turns what git says of a remote into what a person can act on.
func explain(r Repository, err error) error {
	var g *gitError
	if !errors.As(err, &g) {
		return err
	}
	said := strings.ToLower(g.text)
	if strings.Contains(said, "no space left") || strings.Contains(said, "quota exceeded") {
		full := staging.Errorf(staging.ClassCode(staging.ClassCapacity), "free space on the server's data folder, then try again",
			"the disk is full: nothing can be fetched from %s", r.Remote)
		full.Err = err
		return full
	}
	credential := "offshoot project credential set git -p " + r.Project + " reads one from stdin"
	for _, rule := range []struct{ sign, message, hint string }{
		{"authentication failed", "the repository refuses the credential", credential},
		{"could not read username", "the repository asks for a credential", credential},
		{"could not read password", "the repository asks for a credential", credential},
		{"invalid credentials", "the repository refuses the credential", credential},
		{"returned error: 401", "the repository refuses the credential", credential},
		{"returned error: 403", "the repository refuses the credential", credential},
		{"permission denied", "the repository refuses the key", credential},
		{"error in libcrypto", "the private key cannot be read: is it whole, and without a passphrase?", credential},
		{"invalid format", "the private key cannot be read: is it whole, and without a passphrase?", credential},
		{"host key verification failed", "the host's key is not the one that is known", "if it was changed on purpose, set the credential again with --known-hosts"},
		{"failed to connect", "the repository's host refuses the connection", "look at the project's --repo, and whether that server runs"},
		{"connection refused", "the repository's host refuses the connection", "look at the project's --repo, and whether that server runs"},
		{"connection timed out", "the repository's host does not answer", "look at the project's --repo and the network"},
		{"certificate", "the certificate of the repository's host is not trusted", "install its authority on this host"},
		{"could not resolve host", "the repository's host does not resolve", "look at the project's --repo and the network"},
		{"does not appear to be a git repository", "there is no Git repository", "look at the project's --repo"},
		{"does not exist", "there is no Git repository", "look at the project's --repo"},
		{"not found", "there is no Git repository, or the credential may not see it", "look at the project's --repo and credential"},
		{"transport", "the repository's address uses a transport that is not allowed", "use a path, https:// or ssh://"},
	} {
		if strings.Contains(said, rule.sign) {
			e := staging.Errorf(staging.ClassCode(staging.ClassSource), rule.hint, "%s at %s", rule.message, r.Remote)
			if e.Err = err; rule.hint == credential {
				e.Err = errors.Join(errCredential, err)
			}
			return e
		}
	}
	e := staging.Errorf(staging.ClassCode(staging.ClassSource), "try `git ls-remote` on the same address", "%s", g.Error())
	e.Err = err
	return e
}
