package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/seal"
	"offshoot/internal/staging"
)

func TestWhatIsSealedOpens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := seal.Load(file, false); err == nil {
		t.Error("a key that is not there was loaded")
	}
	key, err := seal.Load(file, true)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	again, err := seal.Load(file, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "s", "s3cret", strings.Repeat("a long one ", 20_000), "\x00\xff"} {
		sealed, err := key.Seal(value)
		if err != nil {
			t.Fatal(err)
		}
		if len(value) > 4 && bytes.Contains(sealed, []byte(value)) {
			t.Error("the value is readable")
		}
		if opened, err := again.Open(sealed); err != nil || opened != value {
			t.Errorf("%d bytes: %d bytes, %v", len(value), len(opened), err)
		}
	}
	other, err := seal.Load(filepath.Join(t.TempDir(), "other.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal("s3cret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed); staging.CodeOf(err) != "refused" {
		t.Errorf("another key: %v", err)
	}
}
