package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"offshoot/internal/api"
	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json")

const admin = "offshoot_admin"

func serve(t *testing.T, f *fake, closing context.Context) *httptest.Server {
	keeper := auth.NewKeeper(admin, f, []byte("key"), time.Now)
	s := httptest.NewServer(api.New(api.Config{Projects: f, Variables: f, Environments: f, Views: f, Data: f, Feed: f, Sessions: f, Credentials: f, Tokens: f, Runtime: f,
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Keeper: keeper, Closing: closing, Ready: func() error { return nil }}))
	t.Cleanup(s.Close)
	return s
}

// token makes a token that the fake knows.
func (f *fake) token(name string, role staging.AccessRole, project string) string {
	secret := auth.NewSecret()
	f.tokens[auth.Hash(secret)] = staging.Token{ID: "tok_" + name, Name: name, Role: role, Project: project}
	return secret
}

type answer struct {
	status  int
	header  http.Header
	body    string
	problem wire.Problem
}

func ask(t *testing.T, method, address, token, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if resp.StatusCode >= 400 {
		if err := json.Unmarshal(text, &a.problem); err != nil || a.problem.Code == "" || a.problem.Status != resp.StatusCode || a.problem.Detail == "" ||
			resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: no problem: %d %s %q", method, address, resp.StatusCode, resp.Header.Get("Content-Type"), text)
		}
	}
	return a
}

// document is what a client reads of the OpenAPI document.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string                `json:"operationId"`
		Security    []map[string][]string `json:"security"`
	} `json:"paths"`
}

func published(t *testing.T, s *httptest.Server) (document, string) {
	t.Helper()
	a := ask(t, "GET", s.URL+"/openapi.json", admin, "")
	var d document
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Fatalf("openapi.json: %v, version %q", err, d.OpenAPI)
	}
	return d, a.body
}

// path fills a template in.
func path(template, project, environment string) string {
	return strings.NewReplacer("{p}", project, "{project}", project, "{id}", environment, "{name}", "x", "{forge}", "github").Replace(template)
}

func TestTheDocumentIsTheCode(t *testing.T) {
	_, text := published(t, serve(t, newFake(), nil))
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteByte('\n')
	const kept = "../../docs/openapi.json"
	if *update {
		if err := os.WriteFile(kept, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(kept)
	if diff := cmp.Diff(string(want), pretty.String()); err != nil || diff != "" {
		t.Errorf("docs/openapi.json is not what the code serves (make generate): %v\n%s", err, diff)
	}
}

func TestEveryDocumentedPathIsThere(t *testing.T) {
	d, _ := published(t, serve(t, newFake(), nil))
	for _, want := range []string{"GET /api/v1/projects", "POST /api/v1/projects", "GET /api/v1/projects/{p}", "PATCH /api/v1/projects/{p}", "DELETE /api/v1/projects/{p}",
		"GET /api/v1/projects/{p}/environments", "POST /api/v1/projects/{p}/environments", "GET /api/v1/environments/{id}", "PATCH /api/v1/environments/{id}",
		"DELETE /api/v1/environments/{id}", "POST /api/v1/environments/{id}/deploy", "POST /api/v1/environments/{id}/sleep", "POST /api/v1/environments/{id}/wake",
		"POST /api/v1/environments/{id}/reset", "POST /api/v1/environments/{id}/undo", "POST /api/v1/environments/{id}/scale", "POST /api/v1/environments/{id}/extend", "POST /api/v1/environments/{id}/pin",
		"POST /api/v1/environments/{id}/unpin", "POST /api/v1/environments/{id}/exec", "POST /api/v1/environments/{id}/freeze", "POST /api/v1/environments/{id}/share",
		"GET /api/v1/environments/{id}/deployments", "GET /api/v1/environments/{id}/logs", "GET /api/v1/environments/{id}/resources", "GET /api/v1/environments/{id}/data",
		"GET /api/v1/events", "GET /api/v1/projects/{p}/snapshots", "POST /api/v1/projects/{p}/snapshots", "GET /api/v1/status", "GET /healthz", "GET /readyz", "GET /metrics"} {
		method, path, _ := strings.Cut(want, " ")
		if _, ok := d.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s is not in the document", want)
		}
	}
}

// TestNoRouteWithoutAToken walks every route of the document, also with the
// upgrade to a WebSocket.
func TestNoRouteWithoutAToken(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	expired := f.token("old", staging.RoleAdmin, "")
	for hash, k := range f.tokens {
		k.ExpiresAt = time.Now().Add(-time.Second)
		f.tokens[hash] = k
	}
	d, _ := published(t, s)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	n := 0
	for template, methods := range d.Paths {
		for method := range methods {
			open := template == "/healthz" || template == "/readyz"
			for _, token := range []string{"", "wrong", expired, admin[:len(admin)-1]} {
				for _, headers := range [][]string{nil, upgrade, {"Cookie", "offshoot=" + admin}} {
					n++
					if a := ask(t, strings.ToUpper(method), s.URL+path(template, "shop", "env_a"), token, "", headers...); (a.status == 401) == open {
						t.Errorf("%s %s with token %q: %d", method, template, token, a.status)
					}
				}
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d requests were made", n)
	}
	if a := ask(t, "GET", s.URL+"/api/v1/no-such-thing", "", ""); a.status != 401 {
		t.Errorf("a stranger learns which routes there are: %d", a.status)
	}
}

func TestRolesAndProjects(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	d, _ := published(t, s)
	token := map[string]string{"foreign": f.token("foreign", staging.RoleAdmin, "blog")}
	for _, role := range staging.AccessRoles() {
		token[string(role)] = f.token(string(role), role, "")
		token[string(role)+" of shop"] = f.token(string(role)+"-shop", role, "shop")
	}
	passed := func(who, method, template string) bool {
		a := ask(t, strings.ToUpper(method), s.URL+path(template, "shop", "env_a"), token[who], "")
		return a.status != 401 && a.status != 403 && !strings.Contains(a.problem.Detail, "not for this token")
	}
	looking := []string{"get"}
	for template, methods := range d.Paths {
		for method := range methods {
			if template == "/healthz" || template == "/readyz" {
				continue
			}
			if !passed("admin", method, template) {
				t.Errorf("an administrator may not %s %s", method, template)
			}
			// Each role may do what the weaker ones may.
			for i := 1; i < len(staging.AccessRoles()); i++ {
				weak, strong := staging.AccessRoles()[i-1], staging.AccessRoles()[i]
				if passed(string(weak), method, template) && !passed(string(strong), method, template) {
					t.Errorf("%s may %s %s, but %s may not", weak, method, template, strong)
				}
			}
			if !slices.Contains(looking, method) && template != "/api/v1/sign-in-links" && passed("viewer", method, template) {
				t.Errorf("a viewer may %s %s", method, template)
			}
			names := strings.Contains(template, "{p}") || strings.Contains(template, "{id}")
			if names && passed("foreign", method, template) {
				t.Errorf("the administrator of another project may %s %s", method, template)
			}
			if !names && method != "get" && template != "/api/v1/sign-in-links" && passed("admin of shop", method, template) {
				t.Errorf("the administrator of one project may %s %s", method, template)
			}
		}
	}
	for _, tt := range []struct {
		who, method, path string
		want              bool
	}{
		{"tester", "post", "/api/v1/environments/{id}/wake", true},
		{"tester", "post", "/api/v1/environments/{id}/deploy", false},
		{"developer", "post", "/api/v1/projects/{p}/environments", true},
		{"developer", "patch", "/api/v1/projects/{p}/variables", false},
		{"developer of shop", "get", "/api/v1/environments/{id}/exec", true},
		{"viewer of shop", "get", "/api/v1/environments/{id}/exec", false},
		{"admin of shop", "patch", "/api/v1/projects/{p}/variables", true},
		{"admin of shop", "delete", "/api/v1/projects/{p}", false},
	} {
		if got := passed(tt.who, tt.method, tt.path); got != tt.want {
			t.Errorf("%s: %s %s passes: %v", tt.who, tt.method, tt.path, got)
		}
	}
	// Lists show a token's own project alone.
	for path, want := range map[string]string{"/api/v1/projects": `"name":"shop"`, "/api/v1/environments": `"env_c"`} {
		a := ask(t, "GET", s.URL+path, token["viewer of shop"], "")
		if a.status != 200 || !strings.Contains(a.body, want) || strings.Contains(a.body, "blog") {
			t.Errorf("%s for a viewer of shop: %d %s", path, a.status, a.body)
		}
		if a := ask(t, "GET", s.URL+path+"?project=blog", token["viewer of shop"], ""); a.status != 404 {
			t.Errorf("%s of blog for a viewer of shop: %d %s", path, a.status, a.body)
		}
	}
	if a := ask(t, "GET", s.URL+"/api/v1/resolve?name=env_b", token["viewer of shop"], ""); a.status != 404 {
		t.Errorf("another project's environment resolves: %d %s", a.status, a.body)
	}
}

func TestProblems(t *testing.T) {
	s := serve(t, newFake(), nil)
	create := "/api/v1/projects/shop/environments"
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code, detail             string
	}{
		{"no route", "GET", "/api/v1/nothing", "", nil, 404, "not_found", "there is no route /api/v1/nothing"},
		{"no route at the root", "GET", "/nothing", "", nil, 404, "not_found", "there is no route"},
		{"wrong method", "PUT", create, "{}", nil, 405, "usage", "does not take PUT"},
		{"broken JSON", "POST", create, "{\n  \"branch\": nope}", nil, 400, "usage", "line 2, column 14"},
		{"wrong type", "POST", create, `{"branch": 5}`, nil, 422, "usage", "body.branch"},
		{"unknown key", "POST", create, `{"branch": "x", "brunch": "y"}`, nil, 422, "usage", "body.brunch"},
		{"wrong content type", "POST", create, `<x/>`, []string{"Content-Type", "application/xml"}, 415, "usage", "application/json"},
		{"no body", "POST", create, "", nil, 400, "usage", "body is required"},
		{"bad number", "GET", "/api/v1/events?after=x", "", nil, 422, "usage", "query.after"},
		{"bad cursor", "GET", "/api/v1/projects?cursor=x", "", nil, 400, "usage", "begin again"},
		{"not built", "POST", "/api/v1/environments/env_a/share", "", nil, 422, "refused", "not in this build"},
		{"a service's own", "POST", "/api/v1/environments/env_a/pin", "", nil, 409, "conflict", "reached"},
	} {
		a := ask(t, tt.method, s.URL+tt.path, admin, tt.body, tt.headers...)
		if a.status != tt.status || a.problem.Code != tt.code || !strings.Contains(a.problem.Detail+a.problem.Hint, tt.detail) {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
		if strings.Contains(a.body, "nope") {
			t.Errorf("%s: what was sent comes back: %s", tt.name, a.body)
		}
	}
	if a := ask(t, "PUT", s.URL+create, admin, "{}"); !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("Allow: %q", a.header.Get("Allow"))
	}
}

// endless is a body that counts what is read of it.
type endless struct{ left, read int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(e.left, int64(len(p)))
	e.left, e.read = e.left-n, e.read+n
	for i := range p[:n] {
		p[i] = 'x'
	}
	return int(n), nil
}

func TestALargeBodyIsRefused(t *testing.T) {
	s := serve(t, newFake(), nil)
	for _, known := range []bool{true, false} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/v1/projects/shop/environments", &endless{left: 100 << 20})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+admin)
		r.Header.Set("Content-Type", "application/json")
		if r.ContentLength = -1; known {
			r.ContentLength = 100 << 20
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatalf("length known %v: %v", known, err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), `"code":"usage"`) {
			t.Errorf("length known %v: %d %s", known, resp.StatusCode, text)
		}
	}
}

func TestListsHaveParts(t *testing.T) {
	s := serve(t, newFake(), nil)
	for path, want := range map[string]string{"/api/v1/projects": "name blog shop wiki", "/api/v1/environments": "id env_a env_b env_c"} {
		words := strings.Fields(want)
		var got []string
		cursor := ""
		for range 5 {
			a := ask(t, "GET", s.URL+path+"?limit=1&cursor="+cursor, admin, "")
			var page struct {
				Items []map[string]any `json:"items"`
				Next  *string          `json:"next_cursor"`
			}
			if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Items) != 1 {
				t.Fatalf("%s: %s, %v", path, a.body, err)
			}
			got = append(got, fmt.Sprint(page.Items[0][words[0]]))
			if page.Next == nil {
				break
			}
			cursor = *page.Next
		}
		if !slices.Equal(got, words[1:]) {
			t.Errorf("%s in parts: %v", path, got)
		}
	}
}

func TestEventsStreamAndResume(t *testing.T) {
	f := newFake()
	closing, stop := context.WithCancel(t.Context())
	s := serve(t, f, closing)
	f.happen(staging.Event{Type: "a", Project: "shop"})
	f.happen(staging.Event{Type: "b", Project: "blog"})
	open := func(query string, headers ...string) *bufio.Reader {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/events"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+admin)
		r.Header.Set("Accept", "text/event-stream")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%v %v", resp, err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return bufio.NewReader(resp.Body)
	}
	next := func(r *bufio.Reader) string {
		t.Helper()
		var lines []string
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if line = strings.TrimSpace(line); line == "" {
				if len(lines) > 0 && strings.HasPrefix(lines[0], "id: ") {
					return strings.Join(lines[:2], " ")
				}
				lines = nil
				continue
			}
			lines = append(lines, line)
		}
	}
	all, resumed, shop := open(""), open("?after=0", "Last-Event-ID", "1"), open("?project=shop&after=1")
	for i, want := range []string{"id: 1 event: a", "id: 2 event: b"} {
		if got := next(all); got != want {
			t.Errorf("event %d: %s", i, got)
		}
	}
	if got := next(resumed); got != "id: 2 event: b" {
		t.Errorf("resumed: %s", got)
	}
	f.happen(staging.Event{Type: "c", Project: "shop"})
	for _, r := range []*bufio.Reader{all, resumed, shop} {
		if got := next(r); got != "id: 3 event: c" {
			t.Errorf("live: %s", got)
		}
	}
	a := ask(t, "GET", s.URL+"/api/v1/events?after=1&limit=1", admin, "")
	if !strings.Contains(a.body, `"seq":2`) || !strings.Contains(a.body, `"next_cursor":"2"`) {
		t.Errorf("JSON: %s", a.body)
	}
	waiting := make(chan answer, 1)
	go func() { waiting <- ask(t, "GET", s.URL+"/api/v1/events?after=3&wait=60", admin, "") }()
	stop()
	if got := next(all); got != "EOF" {
		t.Errorf("a stopping server leaves streams open: %s", got)
	}
	if a := <-waiting; !strings.Contains(a.body, `"items":[]`) {
		t.Errorf("a stopping server leaves questions open: %s", a.body)
	}
}

func TestRunAndLogs(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	if a := ask(t, "POST", s.URL+"/api/v1/environments/env_a/exec", admin, `{"command":["true"]}`); a.status != 200 || !strings.Contains(a.body, `"exit_code":3`) {
		t.Errorf("exec: %d %s", a.status, a.body)
	}
	if a := ask(t, "POST", s.URL+"/api/v1/environments/env_a/exec", admin, `{}`); a.status != 400 {
		t.Errorf("exec of nothing: %d %s", a.status, a.body)
	}
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs", admin, ""); a.status != 200 || a.body != "" {
		t.Errorf("no logs: %d %q", a.status, a.body)
	}
	f.logs = []wire.LogLine{{Text: "one"}, {Text: "two"}}
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs?tail=5", admin, ""); strings.Count(a.body, "\n") != 2 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("logs: %s %q", a.header.Get("Content-Type"), a.body)
	}
	if a := ask(t, "POST", s.URL+"/api/v1/projects/shop/environments", f.token("ann", staging.RoleDeveloper, ""), `{"branch":"x"}`); a.status != 202 || !strings.Contains(a.body, `"created_by":"ann"`) {
		t.Errorf("create: %d %s", a.status, a.body)
	}
}
