package storage

import (
	"os"
	"strings"
	"testing"

	"offshoot/internal/staging"
)

func TestTheFolderOfAnotherUserIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := Own(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := own(dir, info, os.Geteuid()+1); staging.CodeOf(err) != staging.CodeRefused || !strings.Contains(err.Error(), "belongs to user") {
		t.Error(err)
	}
}
