package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// Upkeep is what is changed of an environment without a deployment.
type Upkeep interface {
	Scale(ctx context.Context, actor, id string, services map[string]int) (wire.Environment, error)
	SetLinks(ctx context.Context, actor, id string, links map[string]string) (wire.Environment, error)
}

func upkeep(api huma.API, c Config) {
	huma.Register(api, accepted(operation("scale-environment", http.MethodPost, "/environments/{id}/scale", "Set how many instances of services run")), func(ctx context.Context, in *struct {
		Identified
		Body wire.Scale
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Upkeep.Scale(ctx, actor(ctx), in.ID, in.Body.Services))
	})
	huma.Register(api, operation("run-job", http.MethodPost, "/environments/{id}/cron", "Run a cron job once, to its end"), func(ctx context.Context, in *struct {
		Identified
		Body wire.RunJob
	}) (*struct{ Body wire.RunResult }, error) {
		return reply(c.collect(ctx, in.ID, wire.Session{Job: in.Body.Job}, ""))
	})
	huma.Register(api, operation("link-environment", http.MethodPost, "/environments/{id}/link", "Point links at other environments; nothing restarts"), func(ctx context.Context, in *struct {
		Identified
		Body wire.Relink
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Upkeep.SetLinks(ctx, actor(ctx), in.ID, in.Body.Links))
	})
}
