package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// Sweeper runs at a person's word too.
type Sweeper interface {
	Sweep(ctx context.Context, r wire.SweepRequest) (wire.SweepReport, error)
}

func sweep(api huma.API, c Config) {
	huma.Register(api, operation("sweep", http.MethodPost, "/sweep", "Run the sweeper now, or say what it would do"), func(ctx context.Context, in *struct{ Body wire.SweepRequest }) (*struct{ Body wire.SweepReport }, error) {
		return reply(c.Sweeper.Sweep(ctx, in.Body))
	})
}
