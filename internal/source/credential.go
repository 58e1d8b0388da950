package source

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Credential opens a private repository. It never stands in arguments,
// environments or logs: git reads it from files that its owner alone can read,
// which are gone when the command has ended.
type Credential struct {
	// User goes with the secret; "" is the address's own, or git.
	User string
	// Secret is a password or token for http and https, a private key without
	// a passphrase for ssh.
	Secret string
	// KnownHosts are lines of a known_hosts file; without them a host's key is
	// believed when it is first seen, and held to from then on.
	KnownHosts string
}

// credentialDir is below the folder of mirrors: no project can be called so.
const credentialDir = ".credential"

// access is how one command of git opens a remote.
type access struct {
	settings    []string
	environment []string
	close       func()
}

// open lays a credential down for one command.
func (m *Mirrors) open(r Repository) (access, error) {
	a := access{environment: []string{"GIT_SSH_COMMAND=" + m.ssh("", "")}, close: func() {}}
	if r.Credential == nil {
		return a, nil
	}
	parent := filepath.Join(m.dir, credentialDir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return a, fmt.Errorf("lay down a credential: %w", err)
	}
	dir, err := os.MkdirTemp(parent, "")
	if err != nil {
		return a, fmt.Errorf("lay down a credential: %w", err)
	}
	a.close = func() { _ = os.RemoveAll(dir) }
	if err := m.lay(dir, r, &a); err != nil {
		a.close()
		return a, fmt.Errorf("lay down a credential: %w", err)
	}
	return a, nil
}

func (m *Mirrors) lay(dir string, r Repository, a *access) error {
	c := r.Credential
	if u, err := url.Parse(r.Remote); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		user := c.User
		if user == "" && u.User != nil {
			user = u.User.Username()
		}
		if user == "" {
			user = "git"
		}
		line := url.URL{Scheme: u.Scheme, Host: u.Host, User: url.UserPassword(user, c.Secret)}
		path := filepath.Join(dir, "store")
		a.settings = []string{"-c", "credential.helper=store --file=" + quote(path)}
		if u.User == nil {
			a.settings = append(a.settings, "-c", "credential.username="+user)
		}
		return os.WriteFile(path, []byte(line.String()+"\n"), 0o600)
	}
	key, hosts := filepath.Join(dir, "key"), ""
	if c.KnownHosts != "" {
		hosts = filepath.Join(dir, "known_hosts")
		if err := os.WriteFile(hosts, []byte(c.KnownHosts+"\n"), 0o600); err != nil {
			return err
		}
	}
	a.environment = []string{"GIT_SSH_COMMAND=" + m.ssh(key, hosts)}
	return os.WriteFile(key, []byte(c.Secret+"\n"), 0o600)
}

// ssh is the command that git reaches hosts with: no configuration of the
// user's, no question, and the given key alone where there is one. A host's
// key that was never seen is written down; a changed one is refused.
func (m *Mirrors) ssh(key, knownHosts string) string {
	command := "ssh -F /dev/null -oBatchMode=yes -oConnectTimeout=20 -oServerAliveInterval=15"
	if key != "" {
		command += " -oIdentitiesOnly=yes -oIdentityAgent=none -oIdentityFile=" + quote(quoteOption(key))
	}
	if knownHosts != "" {
		return command + " -oStrictHostKeyChecking=yes -oGlobalKnownHostsFile=/dev/null -oUserKnownHostsFile=" + quote(quoteOption(knownHosts))
	}
	return command + " -oStrictHostKeyChecking=accept-new -oUserKnownHostsFile=" + quote(quoteOption(filepath.Join(m.dir, "known_hosts"))+" ~/.ssh/known_hosts")
}

// quote is one word for the shell that git gives such commands to.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// quoteOption is one word among several of an option of ssh's.
func quoteOption(word string) string { return `"` + strings.ReplaceAll(word, `"`, `\"`) + `"` }

// errCredential is wrapped by errors of remotes that want a credential, or
// another one.
var errCredential = errors.New("the repository wants a credential")

// WantsCredential is whether a remote could not be read for want of a (right)
// credential.
func WantsCredential(err error) bool { return errors.Is(err, errCredential) }
