//go:build linux

package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/platform/process"
)

func TestTheViewIsClosed(t *testing.T) {
	h := newHost(t)
	if shape() == process.ShapePlain {
		t.Skip("the shape plain has no view")
	}
	artifact := folder(t)
	if err := os.WriteFile(filepath.Join(artifact, "code"), []byte("original"), 0o666); err != nil {
		t.Fatal(err)
	}
	r := task("look", `id -un; echo changed > code; ls / | tr '\n' ' '; echo; ls -A /root 2>/dev/null; ls `+h.dir+` 2>&1; touch /usr/x 2>&1; touch /x 2>&1; getent hosts db; tty; echo $HOME; grep -c . /proc/self/mountinfo >/dev/null; grep CapBnd /proc/self/status`)
	if err := os.Chmod(filepath.Join(artifact, "code"), 0o666); err != nil {
		t.Fatal(err)
	}
	r.Workload.Artifact, r.Workload.Hosts = artifact, map[string]string{"db": "127.0.0.1"}
	_, out := h.run(r)
	for _, want := range []string{"app\n", "No such file", "127.0.0.1", "/home/app"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
	if os.Geteuid() == 0 && !strings.Contains(out, "CapBnd:\t0000000000000000") {
		t.Errorf("capabilities are left:\n%s", out)
	}
	for _, hidden := range []string{"var", "srv", "sys", ".ssh", ".bashrc"} {
		if strings.Contains(out, " "+hidden+" ") || strings.Contains(out, "\n"+hidden) {
			t.Errorf("%s is visible:\n%s", hidden, out)
		}
	}
	if n := strings.Count(out, "Read-only file system"); n != 2 {
		t.Errorf("%d of / and /usr are read-only:\n%s", n, out)
	}
	if text, _ := os.ReadFile(filepath.Join(artifact, "code")); string(text) != "original" {
		t.Errorf("the shared artifact became %q", text)
	}
}

// What runs is woken as exactly as anything else on this host.
func TestOnlyTheShimSleepsLessExactly(t *testing.T) {
	h := newHost(t)
	_, out := h.run(task("slack", "cat /proc/self/timerslack_ns"))
	if words := strings.Fields(out); len(words) == 0 || words[len(words)-1] != "50000" {
		t.Errorf("the kernel's default of 50 us is %q", out)
	}
}
