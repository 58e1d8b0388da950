package source_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/source"
)

// require is where a program lies that a test needs.
func require(t *testing.T, name string, paths ...string) string {
	t.Helper()
	for _, path := range append(paths, name) {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	componenttest.Missing(t, name, "there is no such program")
	return ""
}

// spied are mirrors whose git leaves its arguments and environment in a file.
func spied(t *testing.T) (m *source.Mirrors, dir string, seen func() string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin, record := t.TempDir(), filepath.Join(t.TempDir(), "record")
	script := fmt.Sprintf("#!/bin/sh\n{ echo \"$@\"; env; } >> %s\nexec %s \"$@\"\n", record, git)
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	var logs bytes.Buffer
	dir = filepath.Join(t.TempDir(), "with 'quotes' and spaces")
	m, err = source.New(dir, slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	return m, dir, func() string {
		text, _ := os.ReadFile(record)
		left, _ := filepath.Glob(filepath.Join(dir, ".credential", "*"))
		return string(text) + logs.String() + strings.Join(left, " LEFT ")
	}
}

// overHTTP serves a repository with a password.
func overHTTP(t *testing.T, r *repository, user, password string) *httptest.Server {
	t.Helper()
	backend := "/usr/lib/git-core/git-http-backend"
	if out, err := exec.Command("git", "--exec-path").Output(); err == nil {
		backend = filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	}
	require(t, "git-http-backend", backend)
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

const secret = "hunter2/with+odd=chars %&'\"$(x)"

func TestAPrivateRepositoryOverHTTP(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	r.commit("a", "1")
	s := overHTTP(t, r, "git", secret)
	m, _, seen := spied(t)
	remote := s.URL + "/repo"
	fetch := func(c *source.Credential) error {
		return m.Fetch(ctx, source.Repository{Project: "shop", Remote: remote, Credential: c})
	}
	for name, c := range map[string]*source.Credential{"none": nil, "wrong": {Secret: "wrong"}, "of another": {User: "bob", Secret: secret}} {
		if err := fetch(c); !source.WantsCredential(err) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	right := &source.Credential{Secret: secret}
	if err := fetch(right); err != nil {
		t.Fatal(err)
	}
	second := r.commit("a", "2")
	if err := fetch(right); err != nil {
		t.Fatal(err)
	}
	if head, err := m.Head(ctx, "shop", "main"); err != nil || head != second {
		t.Errorf("head %s, %v", head, err)
	}
	if said := seen(); strings.Contains(said, "hunter2") || strings.Contains(said, "LEFT") {
		t.Error("the secret is in an argument, an environment, a log or a file that is left")
	}
	if err := m.Fetch(ctx, source.Repository{Project: "gone", Remote: s.URL + "/gone", Credential: right}); err == nil || !strings.Contains(err.Error(), "no Git repository") {
		t.Errorf("a repository that is gone: %v", err)
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	if err := m.Fetch(ctx, source.Repository{Project: "tls", Remote: secure.URL + "/repo"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	s.Close()
	if err := fetch(right); err == nil || !strings.Contains(err.Error(), "refuses the connection") {
		t.Errorf("a host that is down: %v", err)
	}
	if head, err := m.Head(ctx, "shop", "main"); err != nil || head != second {
		t.Errorf("what was known is lost: %s, %v", head, err)
	}
}

// keyPair makes a key by the real program and answers its private and public
// part.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command(require(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	a, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return string(a), strings.TrimSpace(string(b))
}

// overSSH starts a real server on loopback for one key, at an address that is
// kept when it is started again with another host key.
func overSSH(t *testing.T, address, hostKey, authorized string) (stop func()) {
	t.Helper()
	sshd := require(t, "sshd", "/usr/sbin/sshd")
	if out, err := exec.CommandContext(t.Context(), "getent", "passwd", strconv.Itoa(os.Geteuid())).Output(); err == nil {
		fields := strings.Split(strings.TrimSpace(string(out)), ":")
		if shell := filepath.Base(fields[len(fields)-1]); shell == "nologin" || shell == "false" {
			componenttest.Missing(t, "sshd", "it lets the account "+fields[0]+", which has no login shell, do nothing")
		}
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // it refuses to start without
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	host, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf("ListenAddress %s\nPort %s\nHostKey %s/host\nAuthorizedKeysFile %s/keys\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n", host, port, dir, dir)
	for name, text := range map[string]string{"host": hostKey, "keys": authorized + "\n", "config": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "config"))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return stop
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %v\n%s", err, &said)
		}
	}
}

func TestAPrivateRepositoryOverSSH(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	first := r.commit("a", "1")
	m, dir, seen := spied(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	private, public := keyPair(t)
	stranger, _ := keyPair(t)
	hostKey, hostPublic := keyPair(t)
	otherHost, otherPublic := keyPair(t)
	stop := overSSH(t, address, hostKey, public)
	_, port, _ := net.SplitHostPort(address)
	known := func(key string) string {
		return "[127.0.0.1]:" + port + " " + strings.Join(strings.Fields(key)[:2], " ")
	}
	remote := "ssh://" + me.Username + "@" + address + r.dir
	fetch := func(c *source.Credential) error {
		return m.Fetch(ctx, source.Repository{Project: "shop", Remote: remote, Credential: c})
	}
	for name, c := range map[string]*source.Credential{"a stranger's key": {Secret: stranger}, "no key": {Secret: "nonsense"}} {
		if err := fetch(c); !source.WantsCredential(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fetch(&source.Credential{Secret: private, KnownHosts: known(otherPublic)}); err == nil || source.WantsCredential(err) || !strings.Contains(err.Error(), "not the one that is known") {
		t.Errorf("another host's key: %v", err)
	}
	for name, c := range map[string]*source.Credential{"known": {Secret: private, KnownHosts: known(hostPublic)}, "first seen": {Secret: strings.TrimSpace(private)}} {
		if err := fetch(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if head, err := m.Head(ctx, "shop", "main"); err != nil || head != first {
		t.Errorf("head %s, %v", head, err)
	}
	if said := seen(); strings.Contains(said, "PRIVATE KEY") || strings.Contains(said, "LEFT") {
		t.Error("the key is in an argument, an environment, a log or a file that is left")
	}
	stop()
	overSSH(t, address, otherHost, public)
	if err := fetch(&source.Credential{Secret: private}); err == nil || !strings.Contains(err.Error(), "not the one that is known") {
		t.Errorf("a host whose key has changed: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "known_hosts")); err != nil || info.Size() == 0 {
		t.Errorf("what was first seen is not remembered: %v", err)
	}
}

func TestAShallowRepository(t *testing.T) {
	ctx := context.Background()
	r, m := newRepository(t), mirrors(t)
	r.commit("a", "1")
	second := r.commit("a", "2")
	shallow := filepath.Join(t.TempDir(), "shallow")
	if out, err := exec.Command("git", "clone", "-q", "--depth", "1", "file://"+r.dir, shallow).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := m.Fetch(ctx, source.Repository{Project: "shop", Remote: shallow}); err != nil {
		t.Fatal(err)
	}
	if head, err := m.Head(ctx, "shop", "main"); err != nil || head != second {
		t.Errorf("head %s, %v; want %s", head, err, second)
	}
	if err := m.Checkout(ctx, "shop", second, filepath.Join(t.TempDir(), "out")); err != nil {
		t.Error(err)
	}
}
