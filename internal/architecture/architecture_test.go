package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const prefix = "offshoot/internal/"

// table reads the import table of docs/ARCHITECTURE.md.
func table(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## Who may import whom")
	if !ok {
		t.Fatal("docs/ARCHITECTURE.md has no import table")
	}
	rows := map[string][]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || strings.Contains(cells[1], "---") || strings.Contains(cells[1], "package") {
			continue
		}
		var allowed []string
		for _, p := range strings.Split(cells[2], ",") {
			if p = strings.TrimSpace(p); p != "" {
				allowed = append(allowed, p)
			}
		}
		rows[strings.TrimSpace(cells[1])] = allowed
	}
	return rows
}

func TestImportsAreThoseOfTheTable(t *testing.T) {
	rows := table(t)
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", prefix+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, prefix)
		allowed, ok := rows[name]
		seen[name] = true
		if !ok {
			t.Errorf("%s is not in the table of docs/ARCHITECTURE.md", name)
		}
		for _, i := range p.Imports {
			own, ours := strings.CutPrefix(i, prefix)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, which the table does not allow", name, own)
			}
			if name == "platform/process/shim" && strings.Contains(i, ".") && !strings.HasPrefix(i, "golang.org/x/sys") {
				t.Errorf("the shim imports %s: every workload would pay for it", i)
			}
		}
	}
	for name := range rows {
		if !seen[name] {
			t.Errorf("the table has %s, which does not exist", name)
		}
	}
}

// TestEachPackageIsExplained holds that whoever looks a package up finds in the
// first table of docs/ARCHITECTURE.md what it is.
func TestEachPackageIsExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Where things are")
	section, _, _ = strings.Cut(section, "## Who may import whom")
	explained := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || strings.TrimSpace(cells[2]) == "" {
			continue
		}
		dir := ""
		for _, name := range strings.Split(cells[1], ",") { // datastore/postgres, redis
			name = strings.TrimSpace(name)
			explained[dir+name] = true
			if at := strings.LastIndexByte(name, '/'); at >= 0 {
				dir = name[:at+1]
			}
		}
	}
	for name := range table(t) {
		if !explained[name] {
			t.Errorf("docs/ARCHITECTURE.md does not say what %s is", name)
		}
	}
}
