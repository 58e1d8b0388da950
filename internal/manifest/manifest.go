// Package manifest turns a repository's files into a staging.Stack: Compose
// file, its overlay, Procfile, and what the files say of how to build.
//
// It reads nothing outside the checkout and nothing of the server's
// environment, starts nothing, and refuses with file, line and key.
package manifest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"offshoot/internal/staging"
)

// Options are what the project and the server add to the files.
type Options struct {
	// ComposeFile is a path in the checkout, or several with commas between, ""
	// for the usual names.
	ComposeFile string
	// Platform is where the stack is to run, "" for processes.
	Platform string
	// Variables are the project's, for ${NAME} and for missing env files.
	Variables map[string]string
	// Joined are the repositories whose files the checkout has in folders of theirs.
	Joined []staging.Joined
	// Secrets are names whose values are put in only when a workload starts.
	Secrets []string
	// Tracked tells whether Git tracks a path or something below it; nil means
	// that what exists is tracked.
	Tracked func(path string) bool
	// Given is whether services run images that were made elsewhere.
	Given bool
	// Judge is the guard: whether a variable of a service reaches for data that
	// is not the environment's own; names are the stack's own hosts. Nil judges
	// nothing.
	Judge func(key, value string, names []string) error
	// Ignored tells whether Git ignores a path, so that no revision has it; nil
	// means that it ignores none.
	Ignored func(path string) bool
}

// Result is what the files say.
type Result struct {
	Stack *staging.Stack
	// Notes are what was guessed, ignored or is missing; refusals too.
	Notes []staging.Note
	// Unset are variables that no one gives a value.
	Unset []string

	// guessed are the services of which something was guessed.
	guessed map[string]bool
}

// usualNames are Compose's own, in its order.
var usualNames = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

const overlayName = "compose.offshoot.yaml"

// reader reads one checkout.
type reader struct {
	dir  string
	root *os.Root
	o    Options
	way  way
	// documents are by file; order is as their keys count.
	documents map[string]*document
	order     []*document
	// bases are whose keys a service inherits.
	bases map[string][]place
	// parts counts included parts.
	parts int
	// environ is what ${NAME} stands for in the main file.
	environ map[string]string

	stack *staging.Stack
	notes []staging.Note
	// class are the notes, by number, whose refusal is not of class manifest.
	class map[int]staging.Class

	unset, secret, defaulted, demanded map[string]bool
	// forShell is whether a variable is mentioned by commands of x-offshoot
	// alone. Where nobody gives it a value it is the shell's to know.
	forShell map[string]bool
	// storeURLs are variables that datastores give by their names.
	storeURLs map[string]bool
	// profiles are those of services that do not run.
	profiles []string
	// missing are env files that are not in the repository; envFileOf are those
	// that give services their variables: service to variable to file.
	missing   []string
	envFileOf map[string]map[string]string
	// codeOf is the folder of a service's code; declared are those that say
	// how to build it; processCommand those that say how to run.
	codeOf                   map[string]string
	declared, processCommand map[string]bool
	guessed                  map[string]bool
	releaseDeclared          bool
	// passwordFiles are secrets that hold the password of a datastore.
	passwordFiles map[string]string
	// beginnings are the data servers.
	beginnings []beginning
	// anonymous are the names that volumes without one were given.
	anonymous map[string]bool
}

// Load reads the stack of the checkout at dir. What is refused is an error of
// class manifest, or policy or platform where only those are in the way, with
// every problem in its Failure; Result then still holds the notes.
func Load(ctx context.Context, dir string, o Options) (*Result, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	defer func() { _ = root.Close() }()
	logrus.SetOutput(io.Discard) // the loader warns there of each unset variable
	r := &reader{dir: dir, root: root, o: o, way: wayOf(o.Platform), documents: map[string]*document{}, bases: map[string][]place{}, stack: &staging.Stack{}, envFileOf: map[string]map[string]string{},
		class: map[int]staging.Class{}, unset: map[string]bool{}, secret: map[string]bool{}, defaulted: map[string]bool{}, demanded: map[string]bool{}, forShell: map[string]bool{}, storeURLs: map[string]bool{},
		codeOf: map[string]string{}, declared: map[string]bool{}, processCommand: map[string]bool{}, guessed: map[string]bool{}, anonymous: map[string]bool{}}
	for _, name := range o.Secrets {
		r.secret[name] = true
	}
	r.read(ctx)
	res := &Result{Stack: r.stack, Notes: r.said(), guessed: r.guessed}
	for name := range r.unset {
		if !r.given(name) {
			res.Unset = append(res.Unset, name)
		}
	}
	slices.Sort(res.Unset)
	return res, r.refusal()
}

func (r *reader) read(ctx context.Context) {
	files, ok := r.composeFiles()
	if !ok {
		return
	}
	procfile := r.procfile()
	switch {
	case len(files) > 0:
		r.compose(ctx, files)
		if len(r.stack.Services)+len(r.stack.OneShots) == 0 && r.refused() {
			return
		}
	case len(procfile) == 0 && r.exists("Dockerfile"):
		r.dockerfileAlone()
	case len(procfile) == 0:
		if !r.refused() {
			hint := "add one of them, or name another file with --compose-file; docs/compose.md says what is read"
			if r.hasScript("package.json", "start") {
				hint = "a Procfile with the line `web: npm start` is enough; docs/compose.md says what is read"
			}
			r.note(staging.NoteRefused, "", 0, "", "nothing says what to run: there is no "+strings.Join(usualNames, ", ")+", Procfile or Dockerfile", hint)
		}
		return
	}
	r.procfileServices(r.way.procfile(r, procfile, len(files) > 0), len(files) > 0)
	r.finish()
}

// composeFiles are the files to read, the later over the earlier: those that are
// chosen, by the project or as Compose's own users do, or the one of a usual name.
// Two of those are refused: which one counts would be a guess.
func (r *reader) composeFiles() (files []string, ok bool) {
	chosen, hint := staging.ComposeFiles(r.o.ComposeFile), "choose another: offshoot project set --compose-file FILE"
	if text, _ := r.readFile(".env"); len(chosen) == 0 && (r.o.Variables["COMPOSE_FILE"] != "" || strings.Contains(string(text), "COMPOSE_FILE")) {
		if values := r.values("."); values["COMPOSE_FILE"] != "" {
			chosen, hint = strings.Split(values["COMPOSE_FILE"], cmp.Or(values["COMPOSE_PATH_SEPARATOR"], ":")), "COMPOSE_FILE says so"
		}
	}
	for _, f := range chosen {
		f = path.Clean(f)
		if outside(f) || !r.exists(f) {
			r.note(staging.NoteRefused, f, 0, "", "the repository has no "+f, hint)
			return nil, false
		}
		files = append(files, f)
	}
	if len(files) > 0 {
		return files, true
	}
	var found []string
	for _, n := range usualNames {
		if _, err := r.root.Lstat(n); err == nil {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		if r.exists(overlayName) {
			return []string{overlayName}, true
		}
		return nil, true
	case 1:
		return found, true
	}
	r.note(staging.NoteRefused, found[1], 1, "", "the repository has "+strings.Join(found, " and ")+": which one counts would be a guess",
		"remove one, or choose: offshoot project set --compose-file "+found[0])
	return nil, false
}

func (r *reader) exists(name string) bool {
	info, err := r.root.Stat(name)
	return err == nil && info.Mode().IsRegular() && !r.ignoredByGit(name)
}

func (r *reader) ignoredByGit(name string) bool {
	return r.o.Ignored != nil && r.o.Ignored(path.Clean(name))
}

// wholeFile stands for the key where a file as a whole is refused.
const wholeFile = "(file)"

func (r *reader) note(kind staging.NoteKind, file string, line int, key, message, hint string) {
	if kind == staging.NoteRefused && file != "" {
		line, key = max(line, 1), cmp.Or(key, wholeFile)
	}
	r.notes = append(r.notes, staging.Note{Kind: kind, File: file, Line: line, Key: key, Message: message, Hint: hint})
}

func (r *reader) refused() bool {
	return slices.ContainsFunc(r.notes, func(n staging.Note) bool { return n.Kind == staging.NoteRefused })
}

// said is each note once, in the order of the files and their lines.
func (r *reader) said() []staging.Note {
	var list []staging.Note
	for _, n := range r.notes {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	rank := func(n staging.Note) int {
		if i := slices.Index(r.stack.Sources, n.File); i >= 0 {
			return i
		}
		return len(r.stack.Sources)
	}
	slices.SortStableFunc(list, func(a, b staging.Note) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	return list
}

// refusal is everything that was refused, as one error.
func (r *reader) refusal() error {
	class := staging.ClassPlatform
	for i, n := range r.notes {
		switch {
		case n.Kind != staging.NoteRefused || class == staging.ClassManifest:
		case r.class[i] == "":
			class = staging.ClassManifest
		case r.class[i] == staging.ClassPolicy:
			class = staging.ClassPolicy
		}
	}
	f := &staging.Failure{Class: class, Step: staging.StepManifest, LogTail: []string{}, Next: []staging.NextCommand{
		{Command: "offshoot check", Why: "reads the same files without a server"}}}
	for _, n := range r.said() {
		if n.Kind == staging.NoteRefused {
			f.Problems = append(f.Problems, staging.Problem{File: n.File, Line: n.Line, Key: n.Key, Message: n.Message, Hint: n.Hint})
		}
	}
	if len(f.Problems) == 0 {
		return nil
	}
	p := f.Problems[0]
	f.Message, f.Hint, f.File, f.Line = p.Message, p.Hint, p.File, p.Line
	if n := len(f.Problems); n > 1 {
		f.Message = fmt.Sprintf("%d places of the stack are refused; the first: %s", n, p.Message)
	}
	return &staging.Error{Code: staging.ClassCode(class), Message: f.Message, Hint: f.Hint, Failure: f}
}
