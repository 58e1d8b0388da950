package api_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/api"
	"offshoot/internal/auth"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

var update = flag.Bool("update", false, "rewrite docs/openapi.json")

const admin = "offshoot_admin"

func serve(t *testing.T, f *fake, closing context.Context) *httptest.Server {
	keeper := auth.NewKeeper(admin, f, []byte("key"), time.Now)
	s := httptest.NewServer(api.New(api.Config{Projects: f, Variables: f, Environments: f, Views: f, Data: f, Feed: f, Sessions: f, Credentials: f, Tokens: f, Runtime: f, Mail: f,
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

func TestRunAndLogs(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	if a := ask(t, "POST", s.URL+"/api/v1/environments/env_a/exec", admin, `{"command":["true"]}`); a.status != 200 || !strings.Contains(a.body, `"exit_code":3`) {
		t.Errorf("exec: %d %s", a.status, a.body)
	}
	if a := ask(t, "POST", s.URL+"/api/v1/environments/env_a/exec", admin, `{}`); a.status != 400 {
		t.Errorf("exec of nothing: %d %s", a.status, a.body)
	}
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs", admin, ""); a.status != 200 || a.body != `{"items":[],"next_cursor":null}`+"\n" {
		t.Errorf("no logs: %d %q", a.status, a.body)
	}
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs", admin, "", "Accept", "application/x-ndjson"); a.status != 200 || a.body != "" {
		t.Errorf("no logs: %d %q", a.status, a.body)
	}
	f.logs = []wire.LogLine{{Text: "one"}, {Text: "two"}}
	var list wire.List[wire.LogLine]
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs", admin, "", "Accept", "*/*"); json.Unmarshal([]byte(a.body), &list) != nil || len(list.Items) != 2 || list.Items[1].Text != "two" ||
		a.header.Get("Content-Type") != "application/json" {
		t.Errorf("logs as a list: %s %q", a.header.Get("Content-Type"), a.body)
	}
	if a := ask(t, "GET", s.URL+"/api/v1/environments/env_a/logs?tail=5", admin, "", "Accept", "application/x-ndjson"); strings.Count(a.body, "\n") != 2 || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("logs: %s %q", a.header.Get("Content-Type"), a.body)
	}
	if a := ask(t, "POST", s.URL+"/api/v1/projects/shop/environments", f.token("ann", staging.RoleDeveloper, ""), `{"branch":"x"}`); a.status != 202 || !strings.Contains(a.body, `"created_by":"ann"`) {
		t.Errorf("create: %d %s", a.status, a.body)
	}
}
