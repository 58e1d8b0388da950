package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReadme types what the README tells people to type, in its order.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := []string{"cd repo"}
	for _, block := range blocks(string(text)) {
		for _, command := range block.lines {
			switch {
			case block.language == "sh":
				target(t, command)
			case command == "offshoot server &":
				script = append(script, "serve")
			case strings.HasPrefix(command, "offshoot "):
				script = append(script, "offshoot 0 "+strings.TrimPrefix(command, "offshoot "))
			default:
				script = append(script, "exec "+command)
			}
		}
	}
	if len(script) < 15 {
		t.Fatalf("the README tells people to type little: %q", script)
	}
	script = append(script, "offshoot 0 destroy staging --confirm repo", "nothing-left", "halt")
	file := filepath.Join(t.TempDir(), "readme.txtar")
	if err := os.WriteFile(file, []byte(strings.Join(script, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := scripts(t)
	p.Files = []string{file}
	testscript.Run(t, p)
}

type block struct {
	language string
	lines    []string
}

// blocks are the fenced ones, of the languages sh and console.
func blocks(text string) (all []block) {
	var b *block
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{language: language}
		case fence:
			all, b = append(all, *b), nil
		case b != nil:
			b.lines = append(b.lines, strings.TrimPrefix(line, "$ "))
		}
	}
	return all
}

// target sees that make has what a line names.
func target(t *testing.T, command string) {
	command, _, _ = strings.Cut(command, "#")
	args := strings.Fields(command)
	if len(args) != 2 || args[0] != "make" {
		t.Fatalf("%q is not seen to work", command)
	}
	cmd := exec.Command("make", "-n", args[1])
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}
