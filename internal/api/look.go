package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// looks are the operations that only look.
func looks(api huma.API, c Config) {
	huma.Register(api, operation("list-deployments", http.MethodGet, "/environments/{id}/deployments", "Deployments, newest first"), func(ctx context.Context, in *struct {
		Identified
		Page
	}) (*struct{ Body wire.List[wire.Deployment] }, error) {
		items, err := c.Views.Deployments(ctx, in.ID, -1)
		return paged(items, err, in.Page, func(d wire.Deployment) string { return d.ID })
	})
	huma.Register(api, operation("list-resources", http.MethodGet, "/environments/{id}/resources", "What an environment is made of"), func(ctx context.Context, in *struct {
		Identified
		Page
	}) (*struct{ Body wire.List[wire.Resource] }, error) {
		items, err := c.Views.Resources(ctx, in.ID)
		return paged(items, err, in.Page, func(r wire.Resource) string { return r.Name })
	})
	huma.Register(api, operation("show-status", http.MethodGet, "/status", "The server's health"), func(ctx context.Context, _ *struct{}) (*struct{ Body wire.Status }, error) {
		return reply(c.Feed.Status(ctx))
	})
	logs(api, c)
}

// Lines are the parameters of logs.
type Lines struct {
	Identified
	Service  string    `query:"service"`
	Step     string    `query:"step" doc:"build, release or a hook's name"`
	Follow   bool      `query:"follow"`
	Previous bool      `query:"previous" doc:"of the instances before those that serve"`
	Tail     int       `query:"tail" minimum:"-1" default:"-1" doc:"only the last lines; -1 for all"`
	Since    time.Time `query:"since" doc:"only lines from then on (RFC 3339)"`
	After    []string  `query:"after,explode" doc:"NAME@POSITION of the last line that was read of each instance"`
	Accept   string    `header:"Accept" doc:"application/x-ndjson for one JSON object a line"`
}

// lineStream is one JSON object a line, of what may not end.
const lineStream = "application/x-ndjson"

// logs are a list like others, or stream one JSON object a line.
func logs(api huma.API, c Config) {
	o := operation("read-logs", http.MethodGet, "/environments/{id}/logs", "What services and tasks wrote: JSON, or one JSON object a line by Accept, and where it is followed")
	schemas := api.OpenAPI().Components.Schemas
	o.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemas.Schema(typeOf[wire.List[wire.LogLine]](), true, "ListLogLine")},
		lineStream:         {Schema: schemas.Schema(typeOf[wire.LogLine](), true, "LogLine")}}}
	huma.Register(api, o, func(_ context.Context, in *Lines) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(h huma.Context) { c.lines(h, in) }}, nil
	})
}

func (c Config) lines(h huma.Context, in *Lines) {
	ctx, cancel := c.untilClosing(h.Context())
	defer cancel()
	w := h.BodyWriter().(http.ResponseWriter)
	out, flush := json.NewEncoder(w), http.NewResponseController(w)
	kind, start, between, end := "application/json", `{"items":[`, ",", "],\"next_cursor\":null}\n"
	if in.Follow || accepts(in.Accept, lineStream) {
		kind, start, between, end = lineStream, "", "", ""
	}
	begun := false
	begin := func() error {
		before := between
		if !begun {
			w.Header().Set("Content-Type", kind)
			before = start
		}
		begun = true
		_, err := io.WriteString(w, before)
		return err
	}
	q := LogQuery{Service: in.Service, Step: in.Step, Follow: in.Follow, Previous: in.Previous, Tail: in.Tail, Since: in.Since, After: in.After}
	err := c.Feed.Logs(ctx, in.ID, q, func(l wire.LogLine) error {
		err := begin()
		if err == nil {
			err = out.Encode(l)
		}
		if err != nil {
			return fmt.Errorf("client: %w", err)
		}
		if q.Follow {
			return flush.Flush()
		}
		return nil
	})
	switch {
	case err != nil && !begun && ctx.Err() == nil:
		writeProblem(w, problemOf(err))
		return
	case err != nil && kind != lineStream:
		return // an object that does not end is no answer
	case !begun:
		_ = begin()
	}
	_, _ = io.WriteString(w, end)
}
