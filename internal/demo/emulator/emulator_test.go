package emulator

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReadsWhatTheRedisDriverWrites(t *testing.T) {
	for text, want := range map[string][2]string{
		"bind 127.0.0.1\nport 6399\nprotected-mode yes\nrequirepass \"\\x73\\x65\\x22\"\nappendonly yes\n": {"127.0.0.1:6399", `se"`},
		"bind 127.0.0.1\nport 1\n": {"127.0.0.1:1", ""},
	} {
		path := filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		address, password, err := read(path)
		if err != nil || address != want[0] || password != want[1] {
			t.Errorf("%q: %s, %q, %v", text, address, password, err)
		}
	}
	path := filepath.Join(t.TempDir(), "redis.conf")
	if err := os.WriteFile(path, []byte("requirepass open\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(path); err == nil {
		t.Error("a password that cannot be read is none: everybody would get in")
	}
}

func TestAnEngineOfItsFolder(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := Put(dir); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, Folder, "bin", Name))
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%v, %v", info, err)
	}
}
