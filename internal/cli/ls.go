package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func lsCommand(io *stdio) *cobra.Command {
	var all bool
	var phase, branch string
	c := &cobra.Command{
		Use: "ls", Short: "List environments: of -p, else of the checkout's project, else of all", Example: "  offshoot ls --phase ready\n  offshoot ls --branch 'feature/*'\n  offshoot ls --all --json",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if branch != "" && !staging.IsBranchPattern(branch) {
				return staging.Errorf(staging.CodeUsage, "for example --branch 'feature/*'", "%q is no pattern of branches", branch)
			}
			if phase != "" && !slices.Contains(phases(), phase) {
				return staging.Errorf(staging.CodeUsage, "one of "+strings.Join(phases(), ", "), "%q is no phase", phase)
			}
			client := io.client()
			project := io.project
			if !all {
				var err error
				if project, err = io.guessProject(c.Context(), client); err != nil {
					return err
				}
			}
			v, err := client.Environments(c.Context(), project, all || phase == string(staging.PhaseDestroyed))
			if err != nil {
				return err
			}
			v.Items = slices.DeleteFunc(v.Items, func(e wire.Environment) bool {
				return phase != "" && e.Phase != phase || branch != "" && !staging.MatchBranch(branch, e.Branch)
			})
			slices.SortStableFunc(v.Items, func(a, b wire.Environment) int {
				return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Branch, b.Branch), a.CreatedAt.Compare(b.CreatedAt))
			})
			if io.json {
				io.object(v)
				return nil
			}
			return io.table(v.Items)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "of every project, destroyed ones too")
	c.Flags().StringVar(&phase, "phase", "", "only those in this phase")
	c.Flags().StringVar(&branch, "branch", "", "only branches that match this pattern")
	return c
}

func phases() []string {
	var list []string
	for _, p := range []staging.Phase{staging.PhaseQueued, staging.PhaseDeploying, staging.PhaseReady, staging.PhaseDegraded, staging.PhaseAsleep, staging.PhaseWaking,
		staging.PhaseFailed, staging.PhaseDestroying, staging.PhaseDestroyed} {
		list = append(list, string(p))
	}
	return list
}

// rank puts shared environments first and destroyed ones last.
func rank(e wire.Environment) int {
	switch {
	case e.Phase == string(staging.PhaseDestroyed):
		return 2
	case e.Kind == string(staging.KindShared):
		return 0
	}
	return 1
}

func (s *stdio) table(list []wire.Environment) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(s.err, "no environments: offshoot create makes one of the branch that you are on")
		return err
	}
	rows := [][]string{{"PROJECT", "BRANCH", "PHASE", "REVISION", "ACTIVE", "DATA", "EXPIRES", "URL"}}
	for _, e := range list {
		rows = append(rows, []string{e.Project, e.Branch, e.Phase, human.Revision(e.Revision.Desired), ago(e.LastActivityAt), dataAge(e), expiry(e), e.URL})
	}
	if err := s.columns(rows, "REVISION", "DATA", "EXPIRES", "ACTIVE", "PROJECT"); err != nil {
		return err
	}
	s.unseen(list)
	return nil
}

// tellsWhy are the phases that alone do not say what is wrong.
var tellsWhy = []staging.Phase{staging.PhaseReady, staging.PhaseDegraded, staging.PhaseDestroying}

// unseen says why nobody knows how environments that serve are, or why some do not
// go: once for all that have the same reason.
func (s *stdio) unseen(list []wire.Environment) {
	count, reasons := map[string]int{}, []string(nil)
	for _, e := range list {
		if e.Reason == "" || !slices.Contains(tellsWhy, staging.Phase(e.Phase)) {
			continue
		}
		if count[e.Reason]++; count[e.Reason] == 1 {
			reasons = append(reasons, e.Reason)
		}
	}
	for _, reason := range reasons {
		_, _ = fmt.Fprintf(s.err, "%d of them: %s\n", count[reason], reason)
	}
}

// dataAge is how old the oldest data is that an environment began with.
func dataAge(e wire.Environment) string {
	oldest := time.Time{}
	for _, d := range e.Data {
		if d.SnapshotTakenAt != nil && (oldest.IsZero() || d.SnapshotTakenAt.Before(oldest)) {
			oldest = *d.SnapshotTakenAt
		}
	}
	switch {
	case !oldest.IsZero():
		return ago(oldest)
	case len(e.Data) > 0:
		return "own"
	}
	return "-"
}

func expiry(e wire.Environment) string {
	switch {
	case e.ExpiresAt != nil:
		return until(*e.ExpiresAt)
	case e.Pinned:
		return "pinned"
	}
	return "-"
}
