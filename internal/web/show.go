package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// mostShown bounds the list; more are found from the command line.
const mostShown = 500

// group is one project's environments.
type group struct {
	Project string
	Items   []wire.Environment
}

// listed is what the list shows.
type listed struct {
	Groups []group
	Counts []count
	Total  int
	More   bool
	// Only is the phase that is looked for, "" for all.
	Only string
}

// count is how many are in a phase; its link shows only those, or all again.
type count struct {
	Phase string
	N     int
	Only  bool
	Link  string
}

func (p *Page) list(w http.ResponseWriter, r *http.Request) {
	project, only := r.URL.Query().Get("project"), r.URL.Query().Get("phase")
	items, err := p.c.Views.Environments(r.Context(), project, false, "", mostShown+1)
	if err != nil {
		p.Problem(w, r, problemOf(err))
		return
	}
	l := listed{More: len(items) > mostShown}
	items = items[:min(len(items), mostShown)]
	l.Total = len(items)
	slices.SortStableFunc(items, func(a, b wire.Environment) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(rank(a), rank(b)), b.LastActivityAt.Compare(a.LastActivityAt))
	})
	counts := map[string]int{}
	for _, e := range items {
		counts[e.Phase]++
		if only != "" && e.Phase != only {
			continue
		}
		if n := len(l.Groups); n == 0 || l.Groups[n-1].Project != e.Project {
			l.Groups = append(l.Groups, group{Project: e.Project})
		}
		g := &l.Groups[len(l.Groups)-1]
		g.Items = append(g.Items, e)
	}
	if only != "" {
		l.Only = only
		counts[only] += 0 // none left is an answer too
	}
	for phase, n := range counts {
		q := url.Values{}
		if project != "" {
			q.Set("project", project)
		}
		if phase != only {
			q.Set("phase", phase)
		}
		l.Counts = append(l.Counts, count{phase, n, phase == only, "/?" + q.Encode()})
	}
	slices.SortFunc(l.Counts, func(a, b count) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Phase, b.Phase)) })
	p.render(w, r, http.StatusOK, "list.html", frame{Title: "Environments", Live: true, Body: l})
}

// rank puts shared environments first.
func rank(e wire.Environment) int {
	if e.Kind == string(staging.KindShared) {
		return 0
	}
	return 1
}

// shown is what an environment's page shows.
type shown struct {
	wire.Environment
	Steps   []step
	History []wire.Deployment
}

// Serves says what serves where that is not what is wanted.
func (s shown) Serves() string {
	switch d := s.Revision.Deployed; {
	case d == nil:
		return "nothing serves"
	case *d != s.Revision.Desired:
		return human.Revision(*d) + " serves"
	}
	return ""
}

// step is a line of a timeline; the bar's length is its part of the longest.
type step struct {
	wire.Step
	Part int
}

// mostHistory bounds the deployments on an environment's page.
const mostHistory = 12

func (p *Page) environment(w http.ResponseWriter, r *http.Request) {
	e, err := p.c.Views.Environment(r.Context(), r.PathValue("id"))
	if err != nil {
		p.Problem(w, r, problemOf(err))
		return
	}
	history, err := p.c.Views.Deployments(r.Context(), e.ID, mostHistory)
	if err != nil {
		p.Problem(w, r, problemOf(err))
		return
	}
	s := shown{Environment: e, History: history}
	if e.Deployment != nil {
		longest := int64(1)
		for _, x := range e.Deployment.Steps {
			longest = max(longest, x.DurationMS)
		}
		for _, x := range e.Deployment.Steps {
			s.Steps = append(s.Steps, step{x, int(x.DurationMS * 100 / longest)})
		}
	}
	p.render(w, r, http.StatusOK, "environment.html", frame{Title: e.Branch, Live: true, Body: s})
}

func (p *Page) age(t time.Time) string   { return human.Span(p.c.Now().Sub(t)) }
func (p *Page) ago(t time.Time) string   { return human.Span(p.c.Now().Sub(t)) + " ago" }
func (p *Page) until(t time.Time) string { return "in " + human.Span(t.Sub(p.c.Now())) }

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// phaseText is what a phase means to who looks at it.
func phaseText(phase string) string {
	return map[string]string{"asleep": "asleep, wakes on a request", "failed": "failed, serves nothing", "degraded": "degraded, serves what it can"}[phase]
}

// share is a step's bar as one of the widths that the style sheet knows.
func share(part int) int { return (part + 4) / 5 * 5 }
