package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func snapshotCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "snapshot", Short: "Golden copies of data", Example: "  offshoot snapshot create", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(snapshotCreate(io), snapshotLs(io), snapshotShow(io), snapshotRm(io), notBuilt("verify"))
	return c
}

func snapshotCreate(io *stdio) *cobra.Command {
	var from string
	var r wire.TakeSnapshot
	create := &cobra.Command{
		Use: "create", Short: "Take one of the shared environment, or of another", Example: "  offshoot snapshot create\n  offshoot snapshot create --from feature/x", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			client := io.client()
			var project string
			var err error
			if from == "" {
				project, err = io.needProject(ctx, client)
			} else {
				v, missing := io.environment(ctx, client, from)
				if staging.CodeOf(missing) == staging.CodeNotFound && from != "." && !staging.HasID(from, staging.EnvironmentPrefix) {
					return staging.NotBuilt("a snapshot from a file or source (" + from + " is no environment)")
				}
				project, r.From, err = v.Project, v.ID, missing
			}
			if err != nil {
				return err
			}
			v, err := client.TakeSnapshot(ctx, project, r)
			if err == nil && io.waits() {
				v, err = io.taken(ctx, client, v)
			}
			if err != nil {
				return err
			}
			if io.json {
				io.object(v)
			}
			if v.State == string(staging.SnapshotFailed) {
				io.failure(v.Failure)
				return &reported{1}
			}
			if !io.json {
				_, _ = fmt.Fprintln(io.out, v.ID)
			}
			return nil
		},
	}
	create.Flags().StringVar(&from, "from", "", "an environment (default: the shared one)")
	create.Flags().StringVar(&r.Data, "data", "", "only this datastore or volume; new environments use it by its id alone")
	io.waitFlags(create)
	return create
}

func snapshotLs(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "ls", Short: "List snapshots", Example: "  offshoot snapshot ls --json", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		client := io.client()
		project, err := io.needProject(c.Context(), client)
		if err != nil {
			return err
		}
		v, err := client.Snapshots(c.Context(), project)
		if err != nil {
			return err
		}
		if io.json {
			io.object(v)
			return nil
		}
		if len(v.Items) == 0 {
			_, _ = fmt.Fprintln(io.err, "no snapshots: offshoot snapshot create takes one of shared staging")
		}
		for _, s := range v.Items {
			_, _ = fmt.Fprintf(io.out, "%s  %-9s %-11s %8s  used by %d\n", s.ID, s.State, ago(s.TakenAt), human.Size(s.SizeBytes), len(s.UsedBy))
		}
		return nil
	}}
}

func snapshotShow(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show a snapshot", Example: "  offshoot snapshot show snap_…", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		v, err := io.client().Snapshot(c.Context(), args[0])
		if err != nil {
			return err
		}
		if io.json {
			io.object(v)
			return nil
		}
		_, _ = fmt.Fprintf(io.out, "%s  %s, taken %s (%s) of %s at %.10s\n", v.ID, v.State, ago(v.TakenAt), v.TakenAt.Format(time.RFC3339), v.Source, v.Revision)
		for _, p := range v.Parts {
			_, _ = fmt.Fprintf(io.out, "  %s (%s): %s, %d MB\n", p.Name, p.Kind, first(p.Engine, "being copied"), p.SizeBytes>>20)
		}
		return nil
	}}
}

func snapshotRm(io *stdio) *cobra.Command {
	return &cobra.Command{Use: "rm ID", Short: "Delete a snapshot that nothing uses", Example: "  offshoot snapshot rm snap_…", Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
		if err := io.client().RemoveSnapshot(c.Context(), args[0]); err != nil {
			return err
		}
		if io.json {
			io.object(map[string]string{"removed": args[0]})
		}
		return nil
	}}
}

// taken waits for a snapshot by its source's events.
func (s *stdio) taken(ctx context.Context, c *apiclient.Client, v wire.Snapshot) (wire.Snapshot, error) {
	s.goesOn = "the work goes on: offshoot snapshot show " + v.ID + " watches it, offshoot snapshot rm " + v.ID + " takes it away when it is ready"
	s.subject = v
	shown := s.progress()
	defer shown.close()
	err := s.each(ctx, c, v.Source, "offshoot snapshot show "+v.ID, func(ctx context.Context) (bool, error) {
		now, err := c.Snapshot(ctx, v.ID)
		if err != nil {
			return false, err
		}
		v = now
		s.subject = v
		shown.say("snapshot " + v.State)
		return v.State != string(staging.SnapshotTaking) && v.State != string(staging.SnapshotVerifying), nil
	})
	return v, err
}
