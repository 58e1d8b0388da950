package e2e

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"offshoot/internal/componenttest"
)

const (
	// shapeVariable is the server's own: how far it keeps workloads apart.
	shapeVariable = "OFFSHOOT_PROCESS_SHAPE"
	// ordinary is the user that TestAsAnOrdinaryUser runs the scripts as: with
	// a name, since Postgres asks for one.
	ordinary = "nobody"
)

// TestAsAnOrdinaryUser runs the heart of the scripts again as a user that is
// not root, with and without user namespaces.
func TestAsAnOrdinaryUser(t *testing.T) {
	require(t)
	if os.Geteuid() != 0 {
		if os.Getenv(programVariable) != "" {
			t.Skip("it is run as another user already")
		}
		componenttest.Missing(t, "root", "only root can change to other users")
	}
	who, err := user.Lookup(ordinary)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	test := filepath.Join(programs, "test")
	if err := compile("test", "-c", "-o", test, "."); err != nil {
		t.Fatal(err)
	}
	for _, shape := range []string{"userns", "plain"} {
		t.Run(shape, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "e2e-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			for _, args := range [][]string{{"cp", program(t), test, dir}, {"cp", "-r", "testdata", dir}, {"chown", "-R", who.Uid + ":" + who.Gid, dir}} {
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Fatalf("%q: %v\n%s", args, err, out)
				}
			}
			cmd := exec.Command(filepath.Join(dir, "test"), "-test.v", "-test.timeout=20m", "-test.run=^TestScripts$/(life|restart|session)$")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + dir, "TMPDIR=" + dir, shapeVariable + "=" + shape,
				programVariable + "=" + filepath.Join(dir, "offshoot"), componenttest.Variable + "=" + os.Getenv(componenttest.Variable)}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "no way to run processes apart") && !componenttest.Required("userns") && shape == "userns" {
				t.Skip("this host has no unprivileged user namespaces")
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
