package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"offshoot/internal/staging"
)

// logins are the servers that a person has signed in to.
type logins struct {
	// Current is the server that commands mean where none is named.
	Current string            `json:"current"`
	Tokens  map[string]string `json:"tokens"`
}

// loginsPath is in the user's own configuration folder.
func loginsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", staging.Errorf(staging.CodeRefused, "set HOME, or use OFFSHOOT_SERVER and OFFSHOOT_TOKEN", "there is no folder for the login: %w", err)
	}
	return filepath.Join(dir, "offshoot", "logins.json"), nil
}

// readLogins are empty where nobody has signed in.
func readLogins() (logins, error) {
	l := logins{Tokens: map[string]string{}}
	path, err := loginsPath()
	if err != nil {
		return l, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, staging.Errorf(staging.CodeRefused, "remove it, and sign in again", "%s is damaged: %w", path, err)
	}
	if l.Tokens == nil {
		l.Tokens = map[string]string{}
	}
	return l, nil
}

// save writes the logins so that nobody else can read them: under another name
// first, so that they are whole or unchanged.
func (l logins) save() error {
	path, err := loginsPath()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("save the login: %w", err)
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".logins-*") // 0600
	if err != nil {
		return fmt.Errorf("save the login: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// serverURL checks an address of a server and brings it to one form.
func serverURL(address string) (string, error) {
	u, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", staging.Errorf(staging.CodeUsage, "for example http://127.0.0.1:7070 or https://offshoot.example.com", "%q is no address of a server", address)
	}
	return u.String(), nil
}

// local is whether an address is this machine's own, so that the token of a
// server here may be sent there.
func local(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
