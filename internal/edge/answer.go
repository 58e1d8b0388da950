package edge

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

//go:embed page.html
var pageText string

// answer is what the edge says itself: problem details (RFC 9457) to programs,
// a page to whoever looks for one.
type answer struct {
	status      int
	code        staging.Code
	title       string
	detail      string
	hint        string
	phase       staging.Phase
	environment string
	// retry is after how many seconds asking again is worth it, 0 for not.
	retry   int
	failure *staging.Failure
}

func unknown(w http.ResponseWriter, r *http.Request) {
	answer{status: http.StatusNotFound, code: staging.CodeNotFound, title: "No environment answers here", detail: "no environment has this name, or it is gone",
		hint: "`offshoot ls` lists those that are there"}.write(w, r)
}

// nothing answers for an environment that serves nothing yet, or no more.
func nothing(gen *generation) answer {
	a := answer{status: http.StatusServiceUnavailable, code: codeOf(gen.Failure), phase: gen.Phase, environment: gen.Environment, failure: gen.Failure,
		title: "Nothing serves here yet", detail: "nothing serves here: the environment is " + string(gen.Phase), hint: "`offshoot show " + gen.Environment + "` tells more"}
	switch gen.Phase {
	case staging.PhaseQueued:
		a.title, a.retry = "Waiting for its turn", 5
	case staging.PhaseDeploying:
		a.title, a.retry = "Being built", 3
	case staging.PhaseFailed:
		a.title = "The deployment failed"
	}
	if gen.Failure != nil {
		a.detail += ": " + gen.Failure.Message
		a.hint = gen.Failure.Hint
	}
	return a
}

// codeOf is what programs are told of an environment that serves nothing: its
// failure's class, or that nothing can be reached.
func codeOf(f *staging.Failure) staging.Code {
	if f != nil && f.Class != "" {
		return staging.Code(f.Class)
	}
	return staging.CodeUnreachable
}

// asleep answers for an environment that does not wake.
func asleep(environment string, f *staging.Failure) answer {
	return answer{status: http.StatusServiceUnavailable, code: codeOf(f), phase: staging.PhaseWaking, environment: environment, failure: f, retry: 10,
		title: "It does not wake up", detail: "the environment does not wake: " + f.Message, hint: f.Hint}
}

func waking(environment string) answer {
	return answer{status: http.StatusServiceUnavailable, code: staging.CodeTimeout, phase: staging.PhaseWaking, environment: environment, retry: 2,
		title: "Waking up", detail: "the environment is still waking", hint: "try again"}
}

func crowded(environment string) answer {
	return answer{status: http.StatusTooManyRequests, code: staging.CodeLimit, phase: staging.PhaseAsleep, environment: environment, retry: 30,
		title: "Too many are waking", detail: "too many environments were woken from this address", hint: "try again in a while"}
}

func restarting(environment string) answer {
	return answer{status: http.StatusServiceUnavailable, code: staging.CodeUnreachable, phase: staging.PhaseWaking, environment: environment, retry: 2,
		title: "The server restarts", detail: "the server is being restarted", hint: "try again"}
}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if a.phase != "" {
		h.Set("X-Offshoot-Phase", string(a.phase))
	}
	if a.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(a.retry))
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		a.page(w, r)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(a.status)
	p := map[string]any{"type": "about:blank", "title": http.StatusText(a.status), "status": a.status, "detail": a.detail, "code": a.code, "hint": a.hint}
	if a.environment != "" {
		p["environment"] = a.environment
	}
	if a.phase != "" {
		p["phase"] = a.phase
	}
	if a.failure != nil {
		p["failure"] = a.failure
	}
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"sentence": sentence, "parts": parts, "odd": func(i int) bool { return i%2 == 1 }}).Parse(pageText))

// sentence is a text of the command line's as a page shows it: with a capital,
// unless it begins with what is typed or the name of a thing.
func sentence(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" || word == "offshoot" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// parts are a text cut at its backquotes: every second one is to be typed.
func parts(text string) []string { return strings.Split(text, "`") }

// page shows an answer to a person. It loads itself again where that helps.
func (a answer) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
	w.WriteHeader(a.status)
	name, _, _ := strings.Cut(r.Host, ":")
	first, rest, _ := strings.Cut(name, ".")
	v := map[string]any{"Title": a.title, "Detail": a.detail, "Hint": a.hint, "Phase": a.phase, "Failure": a.failure, "Environment": a.environment,
		"Name": first, "Domain": rest, "Works": a.retry > 0 && a.failure == nil && a.status == http.StatusServiceUnavailable}
	if a.retry > 0 && navigates(r) {
		v["Refresh"] = a.retry
	}
	_ = pageTemplate.Execute(w, v) // the client is gone if this fails
}
