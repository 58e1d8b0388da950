package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list` says of a package of ours.
type pkg struct {
	Dir, ImportPath, Name, Doc string
	GoFiles                    []string
	Deps                       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps=false", "-json=Dir,ImportPath,Name,Doc,GoFiles,Deps", "../../cmd/...", "../../internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// parsed calls do with each file of a package.
func parsed(t *testing.T, p pkg, do func(name string, f *ast.File, set *token.FileSet)) {
	t.Helper()
	set := token.NewFileSet()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		do(name, f, set)
	}
}

// nobody are names that say nothing of what is behind them.
var nobody = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "lib"}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for _, p := range packages(t) {
		if len(strings.TrimSpace(p.Doc)) < 20 {
			t.Errorf("%s has no doc comment that says what it is for", p.ImportPath)
		}
		for _, part := range strings.Split(p.ImportPath, "/") {
			if slices.Contains(nobody, part) {
				t.Errorf("%s: %q says nothing", p.ImportPath, part)
			}
		}
	}
}

func TestMainIsShort(t *testing.T) {
	for _, p := range packages(t) {
		if p.Name != "main" {
			continue
		}
		lines := 0
		parsed(t, p, func(_ string, f *ast.File, set *token.FileSet) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "main" {
					lines = set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1
				}
			}
		})
		if lines > 20 {
			t.Errorf("main of %s has %d lines", p.ImportPath, lines)
		}
	}
}

// TestThePlannerHasNoClock holds that a plan comes from its input alone.
func TestThePlannerHasNoClock(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "offshoot/internal/plan" {
			continue
		}
		parsed(t, p, func(_ string, f *ast.File, set *token.FileSet) {
			ast.Inspect(f, func(n ast.Node) bool {
				x, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if of, ok := x.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "NewTimer"}, x.Sel.Name) {
					t.Errorf("%s asks the clock", set.Position(n.Pos()))
				}
				return true
			})
		})
	}
}

// driver is whether only wiring may know a package.
func driver(path string) bool {
	rest, ok := strings.CutPrefix(path, "offshoot/internal/")
	return ok && (strings.HasPrefix(rest, "platform/") || strings.HasPrefix(rest, "datastore/"))
}

// TestOnlyTheProgramKnowsDrivers holds over all that a package needs, not only
// over what it imports itself.
func TestOnlyTheProgramKnowsDrivers(t *testing.T) {
	for _, p := range packages(t) {
		if driver(p.ImportPath) || strings.HasPrefix(p.ImportPath, "offshoot/internal/wiring") || p.Name == "main" {
			continue
		}
		for _, d := range p.Deps {
			if driver(d) {
				t.Errorf("%s needs the driver %s", p.ImportPath, d)
			}
		}
	}
}

// TestNothingOfTheTestsIsInTheProgram holds that fakes and suites stay out.
func TestNothingOfTheTestsIsInTheProgram(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "offshoot/cmd/offshoot" {
			continue
		}
		for _, d := range p.Deps {
			if strings.HasPrefix(d, "offshoot/") && (strings.HasSuffix(d, "/fake") || strings.HasSuffix(d, "test") || d == "offshoot/internal/fault") {
				t.Errorf("%s is part of the program", d)
			}
		}
	}
}
