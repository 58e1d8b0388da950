//go:build linux

package shim

import (
	"strings"
	"testing"
)

func TestNobodysHomeIsShown(t *testing.T) {
	for dir, want := range map[string]string{
		"/usr/bin": "/usr/bin", "/root": "~", "/root/.cargo/bin": "~/.cargo/bin", "/rooted/bin": "/rooted/bin", "/home": "/home", "/home/": "/home/",
		"/home/ann": "~", "/home/ann/.pyenv/bin": "~/.pyenv/bin", "/Users/ann/go/bin": "~/go/bin", "bin": "bin", "": "",
	} {
		if got := HideHome(dir); got != want {
			t.Errorf("%q is shown as %q, want %q", dir, got, want)
		}
	}
	_, err := lookPath([]string{"no-such-program"}, "/", []string{"PATH=/app/bin:/home/ann/.nvm/bin:/usr/bin"})
	if err == nil || strings.Contains(err.Error(), "ann") || !strings.Contains(err.Error(), "/app/bin:~/.nvm/bin:/usr/bin") {
		t.Errorf("a missing program: %v", err)
	}
}
