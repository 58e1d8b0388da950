package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// checkReport is what `check --json` prints.
type checkReport struct {
	Services []string       `json:"services"`
	Hosts    []string       `json:"hosts"`
	Unset    []string       `json:"unset"`
	Notes    []staging.Note `json:"notes"`
	Platform choice         `json:"platform"`
}

// choice is the platform that a stack is read for, and why.
type choice struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

func checkCommand(p Program, io *stdio) *cobra.Command {
	var write bool
	var composeFile, platform string
	c := &cobra.Command{
		Use: "check [DIR|BRANCH]", Short: "Say what would run, and what is guessed, ignored and refused; needs no server",
		Example: "  offshoot check\n  offshoot check feature/new_cool_page --json\n  offshoot check --platform docker\n  offshoot check --write",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if platform != "" && !slices.Contains(checkable, platform) {
				return staging.Errorf(staging.CodeUsage, "read for process or docker", "there is no platform %s", platform)
			}
			o := manifest.Options{ComposeFile: composeFile, Platform: platform}
			dir, branch, done, err := checked(c.Context(), args, &o)
			defer done()
			if err != nil {
				return err
			}
			if write && branch != "" {
				return staging.Errorf(staging.CodeUsage, "switch to the branch, then offshoot check --write", "--write needs a folder, not a branch")
			}
			here := len(args) == 0 || filepath.Clean(args[0]) == "."
			place := "." // whose checkout names project and branch
			if branch == "" {
				place = dir
			}
			meant := first(branch, currentBranch(c.Context(), place), "branch")
			ask := here || branch != "" || io.project != ""
			r, refusal := io.guarded(c.Context(), p.Judge, dir, meant, &o, ask)
			on := chosen(c.Context(), p, platform, o.Platform, refusal)
			if on.Name != o.Platform && on.Name != processPlatform {
				o.Platform = on.Name
				r, refusal = io.guarded(c.Context(), p.Judge, dir, meant, &o, ask)
			}
			if r == nil {
				return refusal
			}
			report := io.report(c.Context(), r, place, meant)
			report.Platform = on
			if io.json {
				io.object(report)
			} else {
				io.checkLines(report, r.Stack)
			}
			if refusal != nil {
				if !io.json {
					io.refusal(refusal)
				}
				return &reported{4}
			}
			if write {
				return io.writeOverlay(dir, r)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&write, "write", false, "save the guesses as compose.offshoot.yaml")
	c.Flags().StringVar(&composeFile, "compose-file", "", "read this file (default: the project's where its server is there, else the usual names)")
	c.Flags().StringVar(&platform, "platform", "", "read for process or docker (default: the project's where its server is there, else what a server here would choose)")
	return c
}

// The platforms whose way of reading a stack is known.
const (
	processPlatform = "process"
	dockerPlatform  = "docker"
)

var checkable = []string{processPlatform, dockerPlatform}

// chosen is the platform of a stack: the one that is asked for, else the one that
// its project's server chose, else the one that a server here would choose, where
// refusal is what is in the way of running it as processes.
func chosen(ctx context.Context, p Program, asked, known string, refusal error) choice {
	var e *staging.Error
	switch {
	case asked != "":
		return choice{asked, "asked for"}
	case known != "":
		return choice{known, "the project runs there"}
	case staging.CodeOf(refusal) != staging.ClassCode(staging.ClassPlatform) || !errors.As(refusal, &e):
		return choice{processPlatform, "nothing in it needs a Docker engine"}
	}
	if err := p.Engine(ctx); err != nil {
		return choice{processPlatform, "no Docker engine answers, though " + e.Message}
	}
	return choice{dockerPlatform, "a Docker engine answers, and " + e.Message}
}

// checked is the folder that is meant: one that is named, or a branch of the
// checkout put into a folder of its own, which done takes away.
func checked(ctx context.Context, args []string, o *manifest.Options) (dir, branch string, done func(), err error) {
	dir, done = ".", func() {}
	if len(args) > 0 {
		dir = args[0]
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		dir, err = filepath.Abs(dir)
		if tracked := listed(ctx, dir); tracked != nil {
			ignored := listed(ctx, dir, "--others", "--ignored", "--exclude-standard", "--directory")
			o.Ignored = func(p string) bool {
				for ; p != "." && p != "/"; p = path.Dir(p) {
					if ignored[p] {
						return true
					}
				}
				return false
			}
			o.Tracked = func(p string) bool {
				_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(p)))
				return err == nil && !o.Ignored(p)
			}
		}
		return dir, "", done, err
	}
	temporary, err := os.MkdirTemp("", "offshoot-check-")
	if err != nil {
		return "", "", done, err
	}
	done = func() { _ = os.RemoveAll(temporary) }
	paths, err := revision(ctx, dir, temporary)
	o.Tracked = func(p string) bool { return paths[p] }
	return temporary, dir, done, err
}

func (s *stdio) report(ctx context.Context, r *manifest.Result, dir, branch string) checkReport {
	report := checkReport{Services: []string{}, Hosts: []string{}, Unset: append([]string{}, r.Unset...), Notes: append([]staging.Note{}, r.Notes...)}
	for _, v := range r.Stack.Services {
		report.Services = append(report.Services, v.Name)
	}
	for _, d := range r.Stack.Datastores {
		report.Services = append(report.Services, d.Name)
	}
	if len(report.Services) == 0 {
		return report // nothing answers
	}
	project := staging.Project{Name: first(s.project, guessAdd(ctx, dir).Name, "PROJECT")}
	for host := range (staging.Site{Domain: "localhost"}).Hosts(project, staging.Environment{Slug: staging.Slug(branch, "", nil)}, r.Stack) {
		report.Hosts = append(report.Hosts, host)
	}
	slices.Sort(report.Hosts)
	return report
}

// checkLines says the same to a person.
func (s *stdio) checkLines(report checkReport, stack *staging.Stack) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format+"\n", args...) }
	if len(report.Services) > 0 {
		line("platform %s: %s", report.Platform.Name, report.Platform.Why)
	}
	for _, v := range stack.Services {
		line("%s", shownService(v))
	}
	for _, d := range stack.Datastores {
		line("%s %s", d.Kind, d.Name)
	}
	for _, v := range stack.Volumes {
		line("volume %s", v.Name)
	}
	for _, t := range stack.Init {
		line("init %s: %s", t.Service, shownCommand(t.Command))
	}
	for _, t := range stack.Release {
		line("release %s: %s", t.Name, shownCommand(t.Command))
	}
	for _, t := range []*staging.Task{stack.Seed, stack.Layer} {
		if t != nil {
			line("%s: %s", t.Name, shownCommand(t.Command))
		}
	}
	for _, name := range []staging.HookName{staging.HookAfterCreate, staging.HookAfterDeploy, staging.HookBeforeDestroy} {
		for _, c := range stack.Hooks.Commands(name) {
			line("hook %s: %s", name, shownCommand(c))
		}
	}
	for _, h := range report.Hosts {
		line("host %s", h)
	}
	_, out := terminal(s.out)
	_, errs := terminal(s.err)
	for _, n := range report.Notes {
		if n.Kind == staging.NoteRefused && out && errs {
			continue // whoever sits there reads it below, with what to do
		}
		if n.File == "" {
			line("%s: %s", n.Kind, n.Message)
			continue
		}
		at := n.File
		if n.Line > 0 {
			at = fmt.Sprintf("%s:%d", n.File, n.Line)
		}
		line("%s: %s: %s: %s", at, n.Kind, n.Key, n.Message)
	}
	for _, u := range report.Unset {
		line("unset %s", u)
	}
}

// shownService is what a service runs on one line: of its image too, where it
// runs one.
func shownService(v staging.Service) string {
	text := "service " + v.Name
	switch command := shownCommand(v.Command); {
	case command != "":
		return text + ": " + command
	case v.ImageBuild != nil:
		return text + ": what is built of " + v.ImageBuild.Context
	case v.Image != "":
		return text + ": " + v.Image
	}
	return text
}

// shownCommand is a command on one line; what is put in when it starts stands
// as a variable.
func shownCommand(c staging.Command) string {
	name := func(name string) string { return "${" + name + "}" }
	if c.Shell != "" {
		return staging.ExpandLate(c.Shell, name)
	}
	text := ""
	for i, a := range c.Args {
		if i > 0 {
			text += " "
		}
		text += staging.ExpandLate(a, name)
	}
	return text
}

// refusal says what was refused as other commands do.
func (s *stdio) refusal(err error) {
	var e *staging.Error
	if !errors.As(err, &e) {
		_, _ = fmt.Fprintln(s.err, "error:", err)
		return
	}
	_, _ = fmt.Fprintf(s.err, "error: %s: %s\n", e.Code, e.Message)
	if e.Failure != nil {
		for _, p := range e.Failure.Problems {
			if p.File == "" {
				continue // said above
			}
			_, _ = fmt.Fprintln(s.err, p)
			if p.Hint != e.Hint {
				_, _ = fmt.Fprintf(s.err, "  %s\n", p.Hint)
			}
		}
	}
	_, _ = fmt.Fprintln(s.err, "hint:", e.Hint)
}

// writeOverlay saves what was guessed. A file that is there is never touched.
func (s *stdio) writeOverlay(dir string, r *manifest.Result) error {
	text, err := r.Overlay()
	if err != nil {
		return err
	}
	if text == "" {
		_, _ = fmt.Fprintln(s.err, "nothing was guessed, nothing is written")
		return nil
	}
	name := manifest.OverlayName
	if len(r.Stack.Sources) > 0 {
		name = path.Join(path.Dir(r.Stack.Sources[0]), name)
	}
	f, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(name)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		_, _ = fmt.Fprint(s.err, text)
		return staging.Errorf(staging.CodeConflict, "add what is shown above to it yourself, or remove it", "%s exists already and is not overwritten", name)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	_, _ = fmt.Fprintln(s.err, "wrote", name)
	return f.Close()
}
