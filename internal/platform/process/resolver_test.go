//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestResolverThatLiesInAFolderOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	own, stub := filepath.Join(dir, "run"), filepath.Join(dir, "run", "systemd", "stub-resolv.conf")
	if err := os.MkdirAll(filepath.Dir(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stub, []byte("nameserver 127.0.0.53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink("run/systemd/stub-resolv.conf", link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if target, text, ok := resolver(link, own); !ok || target != stub || text != "nameserver 127.0.0.53\n" {
		t.Errorf("%s, %q, %v", target, text, ok)
	}
	for _, path := range []string{file, filepath.Join(dir, "absent")} {
		if target, _, ok := resolver(path, own); ok {
			t.Errorf("%s leads to %s", path, target)
		}
	}
}
