package docker_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/staging"
)

// lives runs a workload and a command in it, and takes both away.
func (w *world) lives() {
	w.Helper()
	w.apply(w.scope())
	r := w.workload("web", program(platformtest.Program{Say: []string{"up"}, Stay: true}))
	w.apply(r)
	w.until(r, running)
	follow(w, r, "up")
	task := w.task("cat", program(platformtest.Program{Say: []string{"done"}, Code: 3}))
	w.apply(task)
	if o := w.until(task, exited); *o.ExitCode != 3 {
		w.Errorf("%+v", o)
	}
	if err := w.Delete(w.ctx, refOf(w.scope())); err != nil {
		w.Error(err)
	}
}

// TestAnEngineByTLS holds that the keys of DOCKER_CERT_PATH are shown and asked
// for, and that an engine of another authority is none.
func TestAnEngineByTLS(t *testing.T) {
	behind := strings.TrimPrefix(engine(t), "unix://")
	keys, other := authority(t), authority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(t, keys))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go pass(l, behind)
	host := "tcp://" + l.Addr().String()
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", keys)
	newWorld(t, docker.Config{Host: host}).lives()
	t.Setenv("DOCKER_CERT_PATH", other)
	w := newWorld(t, docker.Config{Host: host})
	if _, err := w.Apply(w.ctx, w.scope()); staging.CodeOf(err) != staging.CodeUnreachable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("another authority's: %v", err)
	}
	t.Setenv("DOCKER_CERT_PATH", t.TempDir())
	if _, err := docker.New(docker.Config{Dir: t.TempDir(), Host: host}); staging.CodeOf(err) != staging.CodeUsage || !strings.Contains(err.Error(), "ca.pem") {
		t.Errorf("no keys: %v", err)
	}
}

// pass leads connections to a socket, until l is closed.
func pass(l net.Listener, socket string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			engine, err := net.Dial("unix", socket)
			if err != nil {
				return
			}
			defer func() { _ = engine.Close() }()
			go func() {
				_, _ = io.Copy(engine, c)
				_ = engine.(*net.UnixConn).CloseWrite()
			}()
			_, _ = io.Copy(c, engine)
		}()
	}
}

// authority makes a folder as DOCKER_CERT_PATH names one, with one pair of keys
// for both sides.
func authority(t *testing.T) (dir string) {
	dir = t.TempDir()
	ca, caKey := certificate(t, nil, nil)
	leaf, key := certificate(t, ca, caKey)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: ca.Raw}, "cert.pem": {Type: "CERTIFICATE", Bytes: leaf.Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// certificate is one of 127.0.0.1, or an authority where none signs it.
func certificate(t *testing.T, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "engine"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if parent == nil {
		parent, signer = c, key
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func serverTLS(t *testing.T, keys string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(filepath.Join(keys, "cert.pem"), filepath.Join(keys, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(keys, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
}

// TestAnEngineBySSH holds that another account's engine is reached by the
// system's ssh, and that what that complains of is said.
func TestAnEngineBySSH(t *testing.T) {
	host := engine(t)
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil || os.Geteuid() != 0 {
		componenttest.Missing(t, "sshd", "root's own is asked")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	for _, name := range []string{"host", "own"} {
		run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name))
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // it refuses to start without
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	public, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	// Whose ssh it is has its own configuration: here it comes by the program's.
	client, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sshd":       fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/own.pub\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nSetEnv DOCKER_HOST=%[3]s PATH=%[4]s\n", port, dir, host, os.Getenv("PATH")),
		"config":     fmt.Sprintf("IdentityFile %[1]s/own\nIdentitiesOnly yes\nUserKnownHostsFile %[1]s/known\nStrictHostKeyChecking yes\n", dir),
		"known":      "[127.0.0.1]:" + port + " " + string(public),
		"bin/ssh":    "#!/bin/sh\nexec " + client + " -F " + dir + "/config \"$@\"\n",
		"nobody/ssh": "#!/bin/sh\nexec " + client + " -F " + dir + "/config -i /dev/null -o IdentityFile=/dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/dev/null \"$@\"\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd"))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd says: %s", &said)
		}
	})
	reached := "ssh://" + me.Username + "@" + address
	path := os.Getenv("PATH")
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+path)
	w := newWorld(t, docker.Config{Host: reached})
	w.until(w.scope(), func(o staging.Observation) bool { return o.Presence == staging.Absent }) // sshd listens
	w.lives()
	t.Setenv("PATH", filepath.Join(dir, "nobody")+":"+path)
	w = newWorld(t, docker.Config{Host: reached})
	if _, err := w.Apply(w.ctx, w.scope()); staging.CodeOf(err) != staging.CodeUnreachable || !strings.Contains(err.Error(), "Host key verification failed") {
		t.Errorf("a host that nobody knows: %v", err)
	}
}

// TestAnEngineThatSeesOtherFiles holds that nothing is made on an engine which
// would mount other files than ours, and that it is not taken where a server may
// choose.
func TestAnEngineThatSeesOtherFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, docker.Config{Dir: "/proc/self/cwd/data"}) // the engine's own folder, to it
	_, err := w.Apply(w.ctx, w.scope())
	if staging.CodeOf(err) != staging.ClassCode(staging.ClassPlatform) || !strings.Contains(err.Error(), "/proc/self/cwd/data") {
		t.Errorf("applied: %v", err)
	}
	if err := w.Answers(w.ctx); err == nil {
		t.Error("it is said to answer")
	}
	if left, err := w.List(w.ctx, ""); err != nil || len(left) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
}
