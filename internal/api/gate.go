package api

import (
	"io"
	"net/http"
	"strings"
	"time"

	"offshoot/internal/auth"
	"offshoot/internal/staging"
)

// maxBody bounds what a request may carry, in bytes; bodyTime bounds sending it.
const (
	maxBody  = 1 << 20
	bodyTime = 30 * time.Second
)

// gate is the one way to every route: it finds out who asks, whether the route
// exists, and whether that bearer may use it. A route is registered only
// through HandleFunc, so none can be left out.
type gate struct {
	mux   *http.ServeMux
	rules map[string]rule
	c     Config
}

// HandleFunc registers a route with its rule.
func (g *gate) HandleFunc(pattern string, handle func(http.ResponseWriter, *http.Request)) {
	need := g.rules[pattern] // the zero rule lets administrators in alone
	g.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := g.check(need, r); err != nil {
			if need.page {
				g.c.Page.Problem(w, r, problemOf(err).Problem)
				return
			}
			writeProblem(w, problemOf(err))
			return
		}
		handle(w, r)
	})
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.Body != http.NoBody {
		// Of what is refused unread too: the standard library reads the rest of it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	route, pattern := g.mux.Handler(r)
	if g.rules[pattern].open {
		g.pass(w, r)
		return
	}
	who, err := g.who(r)
	if err != nil {
		if g.rules[pattern].page && staging.CodeOf(err) == staging.CodeUnauthenticated {
			g.c.Page.SignIn(w, r)
			return
		}
		writeProblem(w, problemOf(err))
		return
	}
	switch {
	case pattern == "":
		noRoute(w, r, route)
	case r.ContentLength > maxBody:
		tooLarge(w, r)
	default:
		g.pass(w, r.WithContext(auth.With(r.Context(), who)))
	}
}

// pass lets a request through with a bounded body.
func (g *gate) pass(w http.ResponseWriter, r *http.Request) {
	body := &counted{ReadCloser: http.MaxBytesReader(nil, r.Body, maxBody)}
	whole := r.Body
	if r.ContentLength < 0 {
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	r.Body = body
	g.mux.ServeHTTP(w, r)
	if body.read >= maxBody {
		drain(w, whole)
	}
}

type counted struct {
	io.ReadCloser
	read int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read += int64(n)
	return n, err
}

// who is the bearer of the request's token, or who signed in on the page. A
// cookie counts for the page alone: another site cannot send an
// Authorization header.
func (g *gate) who(r *http.Request) (auth.Principal, error) {
	if scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return g.c.Keeper.Token(r.Context(), given)
	}
	if _, pattern := g.mux.Handler(r); g.rules[pattern].page {
		return g.c.Keeper.InSession(r.Context(), g.c.Page.Session(r))
	}
	return g.c.Keeper.Token(r.Context(), "")
}

// check is whether the bearer may use a route, and whether what the path names
// exists for it.
func (g *gate) check(need rule, r *http.Request) error {
	if need.open {
		return nil
	}
	role := need.role
	if role == "" {
		role = staging.RoleAdmin
	}
	who := auth.From(r.Context())
	if !who.Role.Allows(role) {
		return staging.Errorf(staging.CodeForbidden, "ask for a token of that role: offshoot token create --role "+string(role),
			"this needs the role %s; the token %s has %s", role, who.Name, who.Role)
	}
	if who.Project == "" {
		return nil
	}
	switch need.scope {
	case scopeProject:
		return seen(who, r.PathValue("p"), nil)
	case scopeEnvironment:
		v, err := g.c.Views.Environment(r.Context(), r.PathValue("id"))
		return seen(who, v.Project, err)
	case scopeSnapshot:
		v, err := g.c.Data.Snapshot(r.Context(), r.PathValue("id"))
		return seen(who, v.Project, err)
	case scopeQuery:
		q := r.URL.Query()
		if p := q.Get("project"); p != "" && p != who.Project {
			return seen(who, p, nil)
		}
		q.Set("project", who.Project)
		r.URL.RawQuery = q.Encode()
		return nil
	}
	return staging.Errorf(staging.CodeForbidden, "ask for a token without --project", "the token %s is for the project %s alone", who.Name, who.Project)
}

// seen hides what belongs to other projects as if it were not there.
func seen(who auth.Principal, project string, err error) error {
	if err == nil && !who.Sees(project) {
		err = staging.NotFound("offshoot whoami shows what the token is for", "there is no such thing, or not for this token")
	}
	return err
}

// noRoute says as a problem what the mux says in plain text.
func noRoute(w http.ResponseWriter, r *http.Request, answer http.Handler) {
	said := &headerOnly{header: http.Header{}}
	answer.ServeHTTP(said, r)
	err := staging.NotFound("GET /openapi.json lists the routes", "there is no route %s", r.URL.Path)
	p := problemOf(err)
	if said.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", said.header.Get("Allow"))
		p = problemOf(staging.Errorf(staging.CodeUsage, "use "+said.header.Get("Allow"), "%s does not take %s", r.URL.Path, r.Method))
		p.Status, p.Title = said.status, http.StatusText(said.status)
	}
	writeProblem(w, p)
}

type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }
func (h *headerOnly) Write(b []byte) (int, error) { return len(b), nil }

// drainLimit bounds, in bytes and time, what of a refused body is taken in and
// thrown away: many clients read no answer before they have sent everything.
const (
	drainLimit = 256 << 20
	drainTime  = 10 * time.Second
)

func tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 needs it not
	p := problemOf(staging.Errorf(staging.CodeUsage, "send less", "the body has %d bytes, more than the %d that a request may carry", r.ContentLength, maxBody))
	p.Status, p.Title = http.StatusRequestEntityTooLarge, http.StatusText(http.StatusRequestEntityTooLarge)
	writeProblem(w, p)
	drain(w, r.Body)
}

// drain sends the answer, and then throws away what else the client sends.
func drain(w http.ResponseWriter, body io.Reader) {
	control := http.NewResponseController(w)
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, body, drainLimit)
}
