package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// health are the routes for machines that watch: two without a token, and the
// metrics.
func health(api huma.API, g *gate, c Config) {
	g.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	g.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := c.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	public := []map[string][]string{{}}
	text := func(description string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {Description: description, Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: "string"}}}}}
	}
	ready, metrics := text("ready"), text("the text format of Prometheus")
	ready["503"], metrics["default"] = text("not yet, and why")["200"], refusal()
	doc := api.OpenAPI()
	doc.AddOperation(&huma.Operation{OperationID: "live", Method: http.MethodGet, Path: "/healthz", Summary: "Whether the server lives", Tags: []string{"health"}, Security: public, Responses: text("it does")})
	doc.AddOperation(&huma.Operation{OperationID: "ready", Method: http.MethodGet, Path: "/readyz", Summary: "Whether the edge's table is loaded", Tags: []string{"health"}, Security: public, Responses: ready})
	if c.Metrics != nil {
		g.HandleFunc("GET /metrics", c.Metrics.ServeHTTP)
	}
	doc.AddOperation(&huma.Operation{OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Summary: "Metrics for Prometheus", Tags: []string{"health"}, Responses: metrics})
}
