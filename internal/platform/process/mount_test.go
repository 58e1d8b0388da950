//go:build linux

package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

// checkoutOf makes a tree with a part of its own and links that lead out.
func checkoutOf(t *testing.T, outside string) string {
	t.Helper()
	artifact := t.TempDir()
	for _, dir := range []string{artifact, filepath.Join(artifact, "front"), outside} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"whole": "whole", "front/part": "part"} {
		if err := os.WriteFile(filepath.Join(artifact, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"out": outside, "etc": "/etc"} {
		if err := os.Symlink(target, filepath.Join(artifact, name)); err != nil {
			t.Fatal(err)
		}
	}
	return artifact
}

func TestTheCheckoutAppearsWhereItIsMounted(t *testing.T) {
	if shape() == process.ShapePlain {
		t.Skip("the shape plain shows nothing at another place")
	}
	h := newHost(t)
	r := task("mounted", `cat /usr/src/app/whole /srv/code/part /app/part /app/front/part /one
echo new > /srv/code/new; cat /app/front/new; touch /ro/x 2>&1; ls /app`)
	r.Workload.Artifact = checkoutOf(t, filepath.Join(t.TempDir(), "outside"))
	r.Workload.Mounts = []staging.HostMount{{Checkout: true, Source: ".", Target: "/usr/src/app"}, {Checkout: true, Source: "front", Target: "/srv/code"},
		{Checkout: true, Source: "whole", Target: "/one", ReadOnly: true}, {Checkout: true, Source: "front", Target: "/ro", ReadOnly: true},
		{Checkout: true, Source: "front", Target: "/app"}}
	_, out := h.run(r)
	if want := "wholepartpartpartwholenew\n"; !strings.HasPrefix(out, want) {
		t.Errorf("got %q, want %q first", out, want)
	}
	if !strings.Contains(out, "Read-only file system") {
		t.Errorf("/ro is writable:\n%s", out)
	}
}

// TestLinksOfACheckoutLeadNowhereElse mounts and writes through links that a
// branch has put where a mount or secret file belongs.
func TestLinksOfACheckoutLeadNowhereElse(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	volume := t.TempDir()
	for name, change := range map[string]func(w *staging.WorkloadSpec){
		"volume": func(w *staging.WorkloadSpec) {
			w.Mounts = []staging.HostMount{{Source: volume, Target: "/app/out/made"}}
		},
		"file": func(w *staging.WorkloadSpec) { w.Files = map[string]string{"/app/out/made": "secret"} },
		"part": func(w *staging.WorkloadSpec) {
			w.Mounts = []staging.HostMount{{Checkout: true, Source: "out", Target: "/part"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			r := task("led", "ls /part /app/out")
			r.Workload.Artifact = checkoutOf(t, outside)
			change(r.Workload)
			r.Owner = "env_a"
			if _, err := h.Apply(h.ctx, r); err == nil {
				h.until(r, exited)
			} else if shape() != process.ShapePlain {
				t.Error(err)
			}
			if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
				t.Errorf("outside holds %v, %v", entries, err)
			}
		})
	}
}

// TestFilesAreWrittenIntoFilesOnly holds that who may name the place of a file
// writes with the shim's rights neither to the kernel nor to a device, whatever
// path or link leads there, and holds nothing up by a pipe.
func TestFilesAreWrittenIntoFilesOnly(t *testing.T) {
	if os.Geteuid() != 0 || shape() != "" && shape() != process.ShapeRoot {
		t.Skip("only root has rights that its workloads have not")
	}
	const setting = "/proc/sys/vm/swappiness"
	now, err := os.ReadFile(setting)
	if err != nil {
		t.Fatal(err)
	}
	volume := t.TempDir()
	node := filepath.Join(volume, "node")
	if err := errors.Join(os.Chmod(volume, 0o777), os.Symlink(".."+setting, filepath.Join(volume, "link")), syscall.Mkfifo(filepath.Join(volume, "pipe"), 0o666),
		syscall.Mknod(node, syscall.S_IFCHR|0o666, 1<<8|7), os.Chmod(node, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{setting, "/data/link", "/data/pipe", "/data/node", "/data/../proc/sys/vm/swappiness"} {
		t.Run(strings.ReplaceAll(at, "/", "_"), func(t *testing.T) {
			h := newHost(t)
			r := task("written", "echo ran")
			r.Workload.Mounts = []staging.HostMount{{Source: volume, Target: "/data"}}
			r.Workload.Files = map[string]string{at: string(now)}
			if seen, out := h.run(r); out != "" || !strings.Contains(seen.Reason, "file "+at+": it is no plain file of the environment's own") {
				t.Errorf("%+v %q", seen, out)
			}
		})
	}
	if info, err := os.Lstat(node); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the device is %v, %v", info.Mode(), err)
	}
}

func TestProgramsOfTheFolderLeadPath(t *testing.T) {
	h := newHost(t)
	artifact := folder(t)
	for name, text := range map[string]string{"back/.venv/bin/tool": "inner", "bin/tool": "outer", "bin/other": "other"} {
		file := filepath.Join(artifact, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\necho "+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(artifact, "back/src"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := task("path", "tool; other; cd /app && PATH=/nowhere /app/bin/tool")
	r.Workload.Artifact, r.Workload.Dir = artifact, "/app/back/src"
	if _, out := h.run(r); out != "inner\nother\nouter\n" {
		t.Errorf("got %q", out)
	}
}
