//go:build linux

package process

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// A number whose record was just removed may be taken before its claim is given
// back: then it is the new owner's, and nobody else gets it.
func TestANumberIsNotGivenBackForItsNextOwner(t *testing.T) {
	first, second, third := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "c")
	c, n := claims{"test"}, os.Getpid()
	take := func(holder string) (ok bool) {
		t.Helper()
		if err := c.locked(func(dir string) (err error) { ok, err = c.take(dir, n, holder); return err }); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	t.Cleanup(func() {
		if err := c.free(n, second); err != nil {
			t.Error(err)
		}
	})
	if !take(first) {
		t.Fatal("nobody has it, and it is not given")
	}
	if err := os.WriteFile(second, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !take(second) { // the first one's record is not there any more
		t.Fatal("its owner is gone, and it is not given")
	}
	if err := c.free(n, first); err != nil {
		t.Fatal(err)
	}
	if take(third) {
		t.Error("two own it")
	}
}

// A port on which somebody else of the host listens is not given, and not kept.
func TestAPortInUseIsNotGiven(t *testing.T) {
	var d *Driver
	var busy int
	var l net.Listener
	var err error
	for range 20 { // where another process has the port, another folder begins at another one
		d = &Driver{dir: t.TempDir(), portClaims: claims{"port"}}
		busy = firstPort + firstOf(d.dir, lastPort-firstPort)
		if l, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(busy))); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ref := platform.Ref{Kind: staging.ResourceEndpoint, Name: "env_a/endpoint/web", Owner: "env_a"}
	if err := os.MkdirAll(filepath.Dir(d.file(ref)), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Apply(t.Context(), platform.Resource{Kind: ref.Kind, Name: ref.Name, Owner: ref.Owner}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.deleteEndpoint(ref); err != nil {
			t.Error(err)
		}
	})
	if o, err := d.observeEndpoint(ref); err != nil || strings.HasSuffix(o.Address, ":"+strconv.Itoa(busy)) {
		t.Errorf("%+v, %v", o, err)
	}
	claim, err := os.ReadFile(filepath.Join("/run/offshoot", "port-"+strconv.Itoa(busy)))
	if err == nil && strings.HasPrefix(string(claim), d.dir) {
		t.Errorf("it is claimed all the same, for %s", claim)
	}
}

// Claims whose file is gone, or records another number, end; others stay.
func TestClaimsOfWhatIsGoneLapse(t *testing.T) {
	d := &Driver{dir: t.TempDir(), portClaims: claims{"lapse" + strconv.Itoa(os.Getpid())}, userClaims: claims{"user"}}
	elsewhere := t.TempDir()
	record := func(file string, port int) string {
		t.Helper()
		if err := writeFile(file, endpoint{port}); err != nil {
			t.Fatal(err)
		}
		return file
	}
	holders := map[int]string{
		1: record(filepath.Join(d.dir, "mine"), 1),
		2: record(filepath.Join(d.dir, "moved"), 7),
		3: filepath.Join(d.dir, "never-written"),
		4: record(filepath.Join(elsewhere, "another-server"), 9),
		5: filepath.Join(elsewhere, "gone"),
	}
	var left []int
	err := d.portClaims.locked(func(dir string) error {
		for n, holder := range holders {
			if _, err := d.portClaims.take(dir, n, holder); err != nil {
				return err
			}
		}
		if err := d.lapse(dir); err != nil {
			return err
		}
		for n, holder := range holders {
			if _, err := os.Lstat(d.portClaims.path(dir, n)); err == nil {
				left = append(left, n)
			}
			if err := d.portClaims.release(dir, n, holder); err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(left)
	if err != nil || !slices.Equal(left, []int{1, 4}) {
		t.Errorf("claims %v are left, %v", left, err)
	}
}
