package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// notBuilt are the documented routes that this build does not have. They are
// refused by name rather than called unknown.
func notBuilt(api huma.API) {
	for _, name := range []string{"freeze", "share"} {
		huma.Register(api, operation(name+"-environment", http.MethodPost, "/environments/{id}/"+name, "Not in this build"), func(_ context.Context, _ *Identified) (*struct{ Body wire.Environment }, error) {
			return nil, problemOf(staging.NotBuilt(name))
		})
	}
	hook := operation("receive-hook", http.MethodPost, "", "Not in this build")
	hook.Path, hook.Tags = "/hooks/{forge}/{project}", []string{"hooks"}
	huma.Register(api, hook, func(_ context.Context, _ *struct {
		Forge   string `path:"forge"`
		Project string `path:"project"`
	}) (*struct{}, error) {
		return nothing(staging.NotBuilt("a forge's webhook"))
	})
}
