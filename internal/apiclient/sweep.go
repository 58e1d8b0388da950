package apiclient

import (
	"context"
	"net/http"

	"offshoot/internal/wire"
)

// Sweep runs the sweeper, or says what it would do.
func (c *Client) Sweep(ctx context.Context, r wire.SweepRequest) (v wire.SweepReport, err error) {
	return v, c.call(ctx, http.MethodPost, "/sweep", nil, r, &v)
}
