package reconcile

import (
	"context"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// adviseOnData says of a failure what the data has to do with it: that it is
// ahead of the branch, and that there is no way back.
func (a *actor) adviseOnData(ctx context.Context, f *staging.Failure, dep *staging.Deployment) {
	env, err := a.Store.Environment(ctx, a.id)
	if err != nil || dep == nil || dep.Stack == nil {
		return
	}
	if slices.Contains([]staging.Class{staging.ClassMigration, staging.ClassHealth, staging.ClassStart}, f.Class) {
		rows, err := a.Store.Resources(ctx, a.id)
		if err != nil {
			return
		}
		for _, d := range origins(rows, dep) {
			if ahead := a.Ahead(ctx, env.Project, d.SnapshotRevision, dep.Revision.ID, dep.Stack.Migrations); ahead != nil {
				f.Hint = joined(f.Hint, ahead.String())
				next := staging.NextCommand{Command: "offshoot data show " + env.Slug, Why: "how far the data is ahead of the branch"}
				if env.Deployed.Deployment == "" { // its data goes with the failure
					next = staging.NextCommand{Command: "offshoot create " + dep.Options.Branch(env.Branch) + " --snapshot none", Why: "try again with data that begins empty, or merge what the branch lacks"}
				}
				f.Next = append(f.Next, next)
				break // all data is of one snapshot
			}
		}
	}
	reset := "offshoot data reset " + env.Slug
	if env.Kind == staging.KindShared {
		reset += " --confirm " + env.Project
	}
	if f.Class == staging.ClassData && env.Deployed.Deployment != "" {
		f.Next = append(f.Next, staging.NextCommand{Command: reset, Why: "back to a snapshot; what is there now is kept for a day"})
	}
	now, err := a.Store.Deployment(ctx, dep.ID)
	switch {
	case err != nil || !now.Progress.ReleaseBegan:
	case dep.Stack.KeepsOnFailure() && env.Deployed.Deployment != "": // else it goes with the failure
		f.Hint = joined(f.Hint, "the data is as the release left it (on_failure: keep)")
	case now.Progress.NoMark != "":
		f.Hint = joined(f.Hint, "the data is as the release left it, there was no way back ("+now.Progress.NoMark+")")
		f.Next = append(f.Next, staging.NextCommand{Command: reset, Why: "back to a snapshot"})
	}
}

// joined is a hint with more to it.
func joined(hint, more string) string {
	if strings.HasSuffix(hint, "?") {
		return hint + " " + strings.ToUpper(more[:1]) + more[1:]
	}
	return hint + "; " + more
}
