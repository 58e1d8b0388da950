package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// data are the operations on snapshots and on an environment's data.
func data(api huma.API, c Config) {
	huma.Register(api, operation("list-snapshots", http.MethodGet, "/projects/{p}/snapshots", "Snapshots, newest first"), func(ctx context.Context, in *struct {
		Named
		Page
	}) (*struct{ Body wire.List[wire.Snapshot] }, error) {
		items, err := c.Data.Snapshots(ctx, in.Project)
		return paged(items, err, in.Page, func(s wire.Snapshot) string { return s.ID })
	})
	huma.Register(api, accepted(operation("take-snapshot", http.MethodPost, "/projects/{p}/snapshots", "Take a snapshot of the shared environment")), func(ctx context.Context, in *struct {
		Named
		Body *wire.TakeSnapshot
	}) (*struct{ Body wire.Snapshot }, error) {
		return reply(c.Data.TakeSnapshot(ctx, actor(ctx), in.Project, given(in.Body)))
	})
	type snapshot struct {
		ID string `path:"id" doc:"a snapshot's id"`
	}
	huma.Register(api, operation("show-snapshot", http.MethodGet, "/snapshots/{id}", "One snapshot"), func(ctx context.Context, in *snapshot) (*struct{ Body wire.Snapshot }, error) {
		return reply(c.Data.Snapshot(ctx, in.ID))
	})
	huma.Register(api, operation("remove-snapshot", http.MethodDelete, "/snapshots/{id}", "Delete a snapshot that nothing uses"), func(ctx context.Context, in *snapshot) (*struct{}, error) {
		if err := c.Data.RemoveSnapshot(ctx, in.ID); err != nil {
			return nil, problemOf(err)
		}
		return nil, nil
	})
	huma.Register(api, operation("show-data", http.MethodGet, "/environments/{id}/data", "Where an environment's data came from, and what it takes"), func(ctx context.Context, in *Identified) (*struct{ Body wire.EnvironmentData }, error) {
		return reply(c.Data.EnvironmentData(ctx, in.ID))
	})
	huma.Register(api, accepted(operation("undo-environment", http.MethodPost, "/environments/{id}/undo", "Bring back the data that was replaced last")), func(ctx context.Context, in *Identified) (*struct{ Body wire.Environment }, error) {
		return reply(c.Data.Undo(ctx, actor(ctx), in.ID))
	})
	huma.Register(api, accepted(operation("reset-environment", http.MethodPost, "/environments/{id}/reset", "Put the data of a snapshot in place")), func(ctx context.Context, in *struct {
		Identified
		Body *wire.Reset
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Data.Reset(ctx, actor(ctx), in.ID, given(in.Body)))
	})
}
