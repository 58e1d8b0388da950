package edge

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"offshoot/internal/staging"
)

const (
	// patience is how long a person's browser waits for a page before it is
	// shown that something happens; everything else waits maxWait.
	patience = 10 * time.Second
	maxWait  = 60 * time.Second
)

// ServeHTTP sends the request where its host leads.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := staging.NormalizeHost(r.Host)
	begun := time.Now()
	for {
		t := (*e.table.Load())[host]
		if t == nil {
			problem(w, r, http.StatusNotFound, "not_found", "no environment answers here", "look at `offshoot ls` for the host names")
			return
		}
		result, changed := t.gate.enter(t.gen)
		switch result {
		case in:
			e.serve(w, r, t)
			return
		case held:
			e.wake(t.env)
			if !e.await(w, r, t, changed, begun) {
				return
			}
		case stale:
		}
	}
}

func (e *Edge) serve(w http.ResponseWriter, r *http.Request, t *entry) {
	defer t.gate.leave(t.gen)
	if person(r) {
		t.gate.active.Store(time.Now().UnixMicro())
	}
	if !t.available {
		w.Header().Set("X-Offshoot-Phase", string(t.phase))
		text, hint := "nothing serves here: the environment is "+string(t.phase), "offshoot show tells more"
		if t.failure != nil {
			text, hint = text+": "+t.failure.Message, t.failure.Hint
		}
		problem(w, r, http.StatusServiceUnavailable, "unavailable", text, hint)
		return
	}
	upstream := t.target.Upstreams[t.next.Add(1)%uint64(len(t.target.Upstreams))]
	e.proxy.to(w, r, upstream)
}

// await blocks until the environment may be asked again; it answers itself,
// and false, when the request has waited enough.
func (e *Edge) await(w http.ResponseWriter, r *http.Request, t *entry, changed <-chan struct{}, begun time.Time) bool {
	limit := maxWait
	if navigates(r) {
		limit = patience
	}
	timer := time.NewTimer(time.Until(begun.Add(limit)))
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-r.Context().Done():
		return false
	case <-timer.C:
	}
	w.Header().Set("X-Offshoot-Phase", string(staging.PhaseWaking))
	w.Header().Set("Retry-After", "2")
	if navigates(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, wakingPage, html.EscapeString(r.Host))
		return false
	}
	problem(w, r, http.StatusServiceUnavailable, "timeout", "the environment is still waking", "try again")
	return false
}

const wakingPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Waking…</title>
<style>body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;height:100vh;margin:0;background:#f6f5f2;color:#23211d}
p{margin:.2em 0;text-align:center}.d{width:10px;height:10px;border-radius:50%%;background:#2f7d5b;margin:0 auto 1em;animation:p 1.2s infinite alternate}@keyframes p{to{opacity:.2}}</style>
<div><div class="d"></div><p><strong>%s</strong> is waking up</p><p>This page opens by itself.</p></div></html>`

func navigates(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Method == http.MethodGet
}

// problem answers in the form of RFC 9457.
func problem(w http.ResponseWriter, _ *http.Request, status int, code, detail, hint string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status,
		"detail": detail, "code": code, "hint": hint})
}

// machines are parts of what crawlers, link unfurlers and uptime monitors call
// themselves: they keep nothing awake.
var machines = []string{"bot", "crawler", "spider", "slurp", "facebookexternalhit", "unfurl", "slack-imgproxy", "whatsapp", "telegram",
	"preview", "uptime", "pingdom", "statuscake", "kube-probe", "elb-healthchecker", "googlehc", "prometheus", "blackbox", "monitor"}

// person is whether a request counts as activity.
func person(r *http.Request) bool {
	agent := strings.ToLower(r.UserAgent())
	for _, m := range machines {
		if strings.Contains(agent, m) {
			return false
		}
	}
	return r.Header.Get("Purpose") != "prefetch" && r.Header.Get("Sec-Purpose") != "prefetch"
}
