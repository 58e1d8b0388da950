// Package web is what browsers see: a read-only page of the environments,
// rendered here, and the sign-in to it. It works without scripts; one keeps it
// up to date.
package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"time"

	"offshoot/internal/auth"
	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

//go:embed asset template
var files embed.FS

// Views is what the page shows.
type Views interface {
	Environments(ctx context.Context, project string, all bool, after string, limit int) ([]wire.Environment, error)
	Environment(ctx context.Context, id string) (wire.Environment, error)
	Deployments(ctx context.Context, id string, limit int) ([]wire.Deployment, error)
}

// Config is what the page needs.
type Config struct {
	Views  Views
	Mail   Mail
	Keeper *auth.Keeper
	// Subscribe answers a channel that gets a token when something changed.
	Subscribe func() (<-chan struct{}, func())
	// Closing ends when the server stops.
	Closing context.Context
	Version string
	Now     func() time.Time
}

// Page is safe for concurrent use.
type Page struct {
	c         Config
	templates *template.Template
}

// New reads the templates, which are part of the program.
func New(c Config) *Page {
	p := &Page{c: c}
	p.templates = template.Must(template.New("").Funcs(template.FuncMap{
		"age": p.age, "ago": p.ago, "until": p.until, "took": human.Took, "size": human.Size, "short": human.Revision, "rfc": rfc, "phase": phaseText, "host": host, "share": share,
	}).ParseFS(files, "template/*.html"))
	return p
}

// Routes are the page's handlers by pattern.
func (p *Page) Routes() map[string]http.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	own := func(h http.HandlerFunc) http.HandlerFunc { return guard.Handler(h).ServeHTTP }
	return map[string]http.HandlerFunc{
		"GET /{$}":               p.list,
		"GET /environments/{id}": p.environment,
		"GET /live":              p.live,

		"GET /environments/{id}/mail":                           p.mails,
		"GET /environments/{id}/mail/{message}":                 p.message,
		"GET /environments/{id}/mail/{message}/html":            p.messageHTML,
		"GET /environments/{id}/mail/{message}/raw":             p.rawMail,
		"GET /environments/{id}/mail/{message}/attachments/{n}": p.attachment,

		"GET /sign-in":       p.signInByLink,
		"POST /sign-in":      own(p.signIn),
		"POST /sign-out":     own(p.signOut),
		"GET /assets/{file}": p.asset,
	}
}

// frame is what every page has around its own.
type frame struct {
	Title   string
	Who     auth.Principal
	Version string
	// Live is whether the page keeps itself up to date, Frames whether it shows
	// another one of ours in it.
	Live, Frames bool
	Body         any
}

func (p *Page) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Who, f.Version = auth.From(r.Context()), p.c.Version
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, f); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	policy := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	if f.Frames {
		policy += "; frame-src 'self'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// Problem shows an error to a browser.
func (p *Page) Problem(w http.ResponseWriter, r *http.Request, e wire.Problem) {
	p.render(w, r, e.Status, "problem.html", frame{Title: e.Title, Body: e})
}

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	text, err := files.ReadFile(path.Join("asset", path.Base(r.PathValue("file"))))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=300")
	http.ServeContent(w, r, r.PathValue("file"), time.Time{}, bytes.NewReader(text))
}

// live sends a word after each change, at most one a second, until the browser
// goes or the server stops.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	woken, cancel := p.c.Subscribe()
	defer cancel()
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	defer context.AfterFunc(p.c.Closing, stop)()
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	word := "retry: 2000\n\n"
	for {
		if _, err := fmt.Fprint(w, word); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case _, open := <-woken:
			if !open {
				return
			}
			word = "data: changed\n\n"
			rest := time.NewTimer(time.Second)
			select {
			case <-rest.C:
			case <-ctx.Done():
			}
			rest.Stop()
		case <-beat.C:
			word = ": alive\n\n"
		}
	}
}

// problemOf is an error as the page shows it.
func problemOf(err error) wire.Problem {
	p := wire.Problem{Status: http.StatusInternalServerError, Code: string(staging.CodeOf(err)), Detail: err.Error()}
	if staging.CodeOf(err) == staging.CodeNotFound {
		p.Status = http.StatusNotFound
	}
	p.Title = http.StatusText(p.Status)
	return p
}
