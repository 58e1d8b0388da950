// Package manifest turns a repository's files into a staging.Stack: Compose
// file, its overlay, Procfile, and what the files say of how to build.
//
// It reads nothing outside the checkout and nothing of the server's
// environment, starts nothing, and refuses with file, line and key.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"offshoot/internal/staging"
)

// Options are what the project and the server add to the files.
type Options struct {
	// ComposeFile is a path in the checkout, "" for the usual names.
	ComposeFile string
	// Variables are the project's, for ${NAME} and for missing env files.
	Variables map[string]string
	// Images is whether the platform runs images.
	Images bool
	// Tracked tells whether Git tracks a path or something below it; nil means
	// that what exists is tracked.
	Tracked func(path string) bool
}

// Result is what the files say.
type Result struct {
	Stack *staging.Stack
	// Notes are what was guessed, ignored or is missing; refusals too.
	Notes []staging.Note
	// Unset are variables that no one gives a value.
	Unset []string
}

// usualNames are Compose's own, in its order.
var usualNames = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

const overlayName = "compose.offshoot.yaml"

// maxFile bounds one file that is read, in bytes.
const maxFile = 1 << 20

// reader reads one checkout.
type reader struct {
	dir   string
	root  *os.Root
	o     Options
	lines map[string]*lines
	stack *staging.Stack
	notes []staging.Note
	unset map[string]bool
}

// Load reads the stack of the checkout at dir. What is refused is an error of
// class manifest with every problem in its Failure; Result then still holds
// the notes.
func Load(ctx context.Context, dir string, o Options) (*Result, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("checkout: %w", err)
	}
	defer func() { _ = root.Close() }()
	logrus.SetOutput(io.Discard) // the loader warns there of each unset variable
	r := &reader{dir: dir, root: root, o: o, lines: map[string]*lines{}, stack: &staging.Stack{}, unset: map[string]bool{}}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	res := &Result{Stack: r.stack, Notes: r.notes}
	for name := range r.unset {
		res.Unset = append(res.Unset, name)
	}
	slices.Sort(res.Unset)
	return res, r.refusal()
}

func (r *reader) read(ctx context.Context) error {
	file, err := r.composeFile()
	if err != nil {
		return err
	}
	procfile, err := r.procfile()
	if err != nil {
		return err
	}
	switch {
	case file != "":
		if err := r.compose(ctx, file); err != nil {
			return err
		}
	case len(procfile) == 0 && r.exists("Dockerfile"):
		r.stack.Services = []staging.Service{r.dockerfileService("web", "Dockerfile")}
		r.note(staging.NoteGuessed, "Dockerfile", 1, "services.web", "a Dockerfile alone is one service", "add a compose.yaml to say more")
	case len(procfile) == 0:
		r.note(staging.NoteRefused, "compose.yaml", 0, "services", "the repository says nothing of what to run",
			"add a compose.yaml or a Procfile; see docs/compose.md")
		return nil
	}
	r.procfileServices(procfile, file != "")
	r.finish()
	return nil
}

// composeFile is the file to read, "" for none. Two of the usual names are
// refused: which one counts would be a guess.
func (r *reader) composeFile() (string, error) {
	if f := r.o.ComposeFile; f != "" {
		if !r.exists(f) {
			return "", staging.Errorf(staging.ClassCode(staging.ClassManifest), "offshoot project set --compose-file FILE", "the repository has no %s", f)
		}
		return f, nil
	}
	var found []string
	for _, n := range usualNames {
		if r.exists(n) {
			found = append(found, n)
		}
	}
	if len(found) > 1 {
		r.note(staging.NoteRefused, found[1], 1, "", "the repository has "+strings.Join(found, " and "),
			"remove one, or choose: offshoot project set --compose-file "+found[0])
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0], nil
}

func (r *reader) exists(name string) bool {
	info, err := r.root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func (r *reader) readFile(name string) ([]byte, error) {
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than 1 MB", name)
	}
	return text, err
}

func (r *reader) note(kind staging.NoteKind, file string, line int, key, message, hint string) {
	r.notes = append(r.notes, staging.Note{Kind: kind, File: file, Line: line, Key: key, Message: message, Hint: hint})
}

func (r *reader) refuse(file, key, message, hint string) {
	r.note(staging.NoteRefused, file, r.line(file, key), key, message, hint)
}

// refusal is everything that was refused, as one error.
func (r *reader) refusal() error {
	f := &staging.Failure{Class: staging.ClassManifest, Step: staging.StepManifest, LogTail: []string{}, Next: []staging.NextCommand{
		{Command: "offshoot check", Why: "reads the same files without a server"}}}
	for _, n := range r.notes {
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
	return &staging.Error{Code: staging.ClassCode(staging.ClassManifest), Message: f.Message, Hint: f.Hint, Failure: f}
}

// compose reads the Compose file and its overlay.
func (r *reader) compose(ctx context.Context, file string) error {
	files := []string{file}
	if r.exists(overlayName) {
		files = append(files, overlayName)
	}
	details := types.ConfigDetails{WorkingDir: r.dir, Environment: types.Mapping{}}
	for _, f := range files {
		text, err := r.readFile(f)
		if err != nil {
			return fmt.Errorf("read %s: %w", f, err)
		}
		if err := r.index(f, text); err != nil {
			r.note(staging.NoteRefused, f, yamlLine(err), "", err.Error(), "mend the YAML")
			return nil
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: filepath.Join(r.dir, f), Content: text})
	}
	r.stack.Sources = files
	values := r.values()
	project, err := loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName("stack", true)
		o.SkipResolveEnvironment, o.SkipResolveLabels, o.SkipNormalization = true, true, true
		o.ResolvePaths = false
		o.SkipConsistencyCheck = true
		o.ResourceLoaders = []loader.ResourceLoader{inside{r}}
		o.Interpolate.LookupValue = func(name string) (string, bool) {
			v, ok := values[name]
			if !ok {
				r.unset[name] = true
			}
			return v, ok
		}
	})
	if err != nil {
		r.note(staging.NoteRefused, file, yamlLine(err), "", strings.ReplaceAll(err.Error(), r.dir+"/", ""), "see https://docs.docker.com/reference/compose-file/")
		return nil
	}
	for _, f := range files {
		r.judge(f)
	}
	r.project(project, file)
	return nil
}

// values are what ${NAME} may stand for: the revision's .env, and over it the
// project's variables.
func (r *reader) values() map[string]string {
	values := map[string]string{}
	if text, err := r.readFile(".env"); err == nil {
		parsed, err := parseEnv(text, nil)
		if err != nil {
			r.note(staging.NoteRefused, ".env", 0, "", err.Error(), "write lines of KEY=value")
		}
		for k, v := range parsed {
			values[k] = v
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		r.note(staging.NoteRefused, ".env", 0, "", err.Error(), "keep it inside the repository")
	}
	for k, v := range r.o.Variables {
		values[k] = v
	}
	return values
}

// inside lets include and extends read files of the checkout alone.
type inside struct{ r *reader }

func (inside) Accept(string) bool { return true }

func (i inside) Load(_ context.Context, path string) (string, error) {
	rel := path
	if filepath.IsAbs(path) {
		var err error
		if rel, err = filepath.Rel(i.r.dir, path); err != nil {
			return "", err
		}
	}
	text, err := i.r.readFile(rel)
	if err != nil {
		return "", fmt.Errorf("%s: %w (only files of the repository can be read)", path, err)
	}
	if err := i.r.index(rel, text); err != nil {
		return "", fmt.Errorf("%s: %w", rel, err)
	}
	if key := i.r.lines[rel].escapes(); key != "" {
		return "", fmt.Errorf("%s: %s leads outside the repository", rel, key)
	}
	return filepath.Join(i.r.dir, rel), nil
}

func (i inside) Dir(path string) string { return filepath.Dir(path) }
