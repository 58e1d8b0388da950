package cli

import (
	"fmt"
	"os"
	"path/filepath"

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
}

func checkCommand(io *stdio) *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use: "check [DIR]", Short: "Say what would run, and what is guessed, ignored and refused; needs no server", Example: "  offshoot check\n  offshoot check --json",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if write {
				return staging.NotBuilt("check --write")
			}
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				return staging.NotFound("give a folder", "there is no folder %q", dir)
			}
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			r, refusal := manifest.Load(c.Context(), dir, manifest.Options{})
			if r == nil {
				return refusal
			}
			report := checkReport{Services: []string{}, Hosts: []string{}, Unset: r.Unset, Notes: r.Notes}
			if report.Unset == nil {
				report.Unset = []string{}
			}
			if report.Notes == nil {
				report.Notes = []staging.Note{}
			}
			project := staging.Project{Name: first(io.project, "PROJECT")}
			for host := range (staging.Site{Domain: "localhost"}).Hosts(project, staging.Environment{Slug: "branch"}, r.Stack) {
				report.Hosts = append(report.Hosts, host)
			}
			for _, s := range r.Stack.Services {
				report.Services = append(report.Services, s.Name)
			}
			for _, d := range r.Stack.Datastores {
				report.Services = append(report.Services, d.Name)
			}
			if io.json {
				io.object(report)
			} else {
				for _, s := range report.Services {
					_, _ = fmt.Fprintln(io.out, "service", s)
				}
				for _, n := range report.Notes {
					_, _ = fmt.Fprintf(io.out, "%s:%d: %s: %s: %s\n", n.File, n.Line, n.Kind, n.Key, n.Message)
				}
				for _, u := range report.Unset {
					_, _ = fmt.Fprintf(io.out, "unset: %s\n", u)
				}
			}
			if refusal != nil {
				if !io.json {
					_, _ = fmt.Fprintln(io.err, "error:", refusal)
				}
				return &reported{4}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&write, "write", false, "save the guesses as compose.offshoot.yaml")
	return c
}
