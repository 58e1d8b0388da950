package wiring

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsShortByWhatTheKernelSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	for available, want := range map[int]bool{16_000: false, 14_000: true, 0: true} {
		text := fmt.Sprintf("MemTotal:       100000 kB\nMemFree:            1 kB\nMemAvailable:   %d kB\n", available)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := short(file)(); got != want {
			t.Errorf("%d of 100000 available: %t", available, got)
		}
	}
	if short(filepath.Join(t.TempDir(), "none"))() {
		t.Error("where nothing says how much there is it is short")
	}
}
