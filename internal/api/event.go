package api

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

const eventStream = "text/event-stream"

// beat is how often a quiet stream says that it lives: shorter than what
// proxies usually wait.
const beat = 15 * time.Second

// eventPage bounds what is read from the feed at once.
const eventPage = 500

// Asked are the parameters of the event feed.
type Asked struct {
	Page
	After       int64  `query:"after" minimum:"0" doc:"only events with a higher seq"`
	Project     string `query:"project"`
	Environment string `query:"environment"`
	Wait        int    `query:"wait" minimum:"0" maximum:"60" doc:"seconds to wait for the first event (JSON only)"`
	Accept      string `header:"Accept" doc:"text/event-stream for a stream that does not end"`
	LastEventID string `header:"Last-Event-ID" doc:"where a stream was broken off; counts before after"`
}

// events is the feed: a page as JSON, or a stream of server-sent events, which
// goes on where it was broken off.
func events(api huma.API, c Config) {
	o := operation("list-events", http.MethodGet, "/events", "What happened, by sequence number: JSON, or server-sent events by Accept")
	media := func(name string, schema *huma.Schema) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{name: {Schema: schema}}
	}
	content := media("application/json", api.OpenAPI().Components.Schemas.Schema(typeOf[wire.List[staging.Event]](), true, "ListEvent"))
	content[eventStream] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Description: "each event's id is its seq, its event its type, its data the event as JSON"}}
	o.Responses["200"] = &huma.Response{Description: "OK", Content: content}
	huma.Register(api, o, func(ctx context.Context, in *Asked) (*huma.StreamResponse, error) {
		q := EventQuery{After: in.After, Project: in.Project, Environment: in.Environment}
		for _, given := range []string{in.Cursor, in.LastEventID} {
			if given == "" {
				continue
			}
			seq, err := strconv.ParseInt(given, 10, 64)
			if err != nil || seq < 0 {
				return nil, problemOf(staging.Errorf(staging.CodeUsage, "give the seq of an event", "%q is no sequence number", given))
			}
			q.After = seq
		}
		if in.Project != "" {
			if _, err := c.Projects.Project(ctx, in.Project); err != nil {
				return nil, problemOf(err)
			}
		}
		if accepts(in.Accept, eventStream) {
			return &huma.StreamResponse{Body: func(h huma.Context) { c.stream(h, q) }}, nil
		}
		q.Limit, q.Patience = in.limit(), time.Duration(in.Wait)*time.Second
		ctx, cancel := c.untilClosing(ctx)
		defer cancel()
		items, err := c.Feed.Events(ctx, q)
		if err != nil && ctx.Err() == nil {
			return nil, problemOf(err)
		}
		page := wire.List[staging.Event]{Items: items}
		if page.Items == nil {
			page.Items = []staging.Event{}
		}
		if len(items) == q.Limit {
			last := strconv.FormatInt(items[len(items)-1].Seq, 10)
			page.NextCursor = &last
		}
		return &huma.StreamResponse{Body: func(h huma.Context) {
			h.SetHeader("Content-Type", "application/json")
			_ = json.NewEncoder(h.BodyWriter()).Encode(page)
		}}, nil
	})
}

// accepts is whether an Accept header names a media type.
func accepts(accept, wanted string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && kind == wanted {
			return true
		}
	}
	return false
}

// untilClosing is a context that ends with the request or when the server
// stops.
func (c Config) untilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if c.Closing == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(c.Closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// stream sends events until the client goes or the server stops.
func (c Config) stream(h huma.Context, q EventQuery) {
	ctx, cancel := c.untilClosing(h.Context())
	defer cancel()
	h.SetHeader("Content-Type", eventStream)
	w := h.BodyWriter()
	flush := func() bool { return http.NewResponseController(w.(http.ResponseWriter)).Flush() == nil }
	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil || !flush() {
		return
	}
	q.Limit, q.Patience = eventPage, beat
	for {
		items, err := c.Feed.Events(ctx, q)
		if err != nil || ctx.Err() != nil {
			return // the client comes again, from where it was
		}
		if len(items) == 0 {
			if _, err := fmt.Fprint(w, ": alive\n\n"); err != nil {
				return
			}
		}
		for _, e := range items {
			text, err := json.Marshal(e)
			if err != nil {
				return
			}
			// A type holds no line end: the server makes them all.
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, text); err != nil {
				return
			}
			q.After = e.Seq
		}
		if !flush() {
			return
		}
	}
}
