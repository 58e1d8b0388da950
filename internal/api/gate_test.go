package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"offshoot/internal/staging"
)

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

// TestTheSchemeIsOfAnyCase holds what RFC 9110 says of names of schemes.
func TestTheSchemeIsOfAnyCase(t *testing.T) {
	s := serve(t, newFake(), nil)
	for _, scheme := range []string{"Bearer", "bearer", "BEARER"} {
		if a := ask(t, "GET", s.URL+"/api/v1/whoami", "", "", "Authorization", scheme+" "+admin); a.status != 200 {
			t.Errorf("%s: %d", scheme, a.status)
		}
	}
	for _, given := range []string{admin, "Bearer" + admin, "Basic " + admin} {
		if a := ask(t, "GET", s.URL+"/api/v1/whoami", "", "", "Authorization", given); a.status != 401 {
			t.Errorf("%s: %d", given, a.status)
		}
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

// patient notes until when a request's body may come.
type patient struct {
	http.ResponseWriter
	until time.Time
}

func (p *patient) SetReadDeadline(at time.Time) error { p.until = at; return nil }

// TestABodyHasATime holds that who sends a body byte by byte, be it unasked,
// does not hold a connection for ever.
func TestABodyHasATime(t *testing.T) {
	s := serve(t, newFake(), nil)
	for _, path := range []string{"/api/v1/projects", "/sign-in", "/no-such-route"} {
		w := &patient{ResponseWriter: httptest.NewRecorder()}
		s.Config.Handler.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader("{")))
		if left := time.Until(w.until); left <= 0 || left > time.Minute {
			t.Errorf("%s: a body may come for %s", path, left)
		}
	}
}
