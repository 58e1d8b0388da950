package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// Runtime is what is asked about the servers of the process platform.
type Runtime interface {
	Runtimes(ctx context.Context) (wire.Runtimes, error)
	// Install answers once it is there; tell may be called from any goroutine
	// until then.
	Install(ctx context.Context, name string, tell func(wire.RuntimeProgress)) (wire.Runtime, error)
}

func runtime(api huma.API, c Config) {
	huma.Register(api, operation("list-runtime", http.MethodGet, "/runtime", "Servers and clients that the process platform can run"),
		func(ctx context.Context, _ *struct{}) (*struct{ Body wire.Runtimes }, error) {
			return reply(c.Runtime.Runtimes(ctx))
		})
	o := operation("install-runtime", http.MethodPost, "/runtime", "Fetch one where the host has none: its progress, one JSON object a line; the last has the outcome")
	o.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{lineStream: {
		Schema: api.OpenAPI().Components.Schemas.Schema(typeOf[wire.RuntimeProgress](), true, "RuntimeProgress")}}}
	huma.Register(api, o, func(_ context.Context, in *struct{ Body wire.InstallRuntime }) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(h huma.Context) { c.install(h, in.Body.Name) }}, nil
	})
}

// install goes on fetching where the client leaves.
func (c Config) install(h huma.Context, name string) {
	ctx, cancel := c.untilClosing(h.Context())
	defer cancel()
	w := h.BodyWriter().(http.ResponseWriter)
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	var mu sync.Mutex
	begun := false
	line := func(p wire.RuntimeProgress) {
		mu.Lock()
		defer mu.Unlock()
		if !begun {
			w.Header().Set("Content-Type", lineStream)
		}
		begun = true
		if out.Encode(p) == nil {
			_ = flush.Flush()
		}
	}
	v, err := c.Runtime.Install(ctx, name, line)
	switch {
	case err == nil:
		line(wire.RuntimeProgress{Runtime: &v})
	case begun: // nobody calls line any more
		line(wire.RuntimeProgress{Problem: &problemOf(err).Problem})
	default:
		writeProblem(w, problemOf(err))
	}
}
