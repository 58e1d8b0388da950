package api_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"offshoot/internal/wire"
)

// document is what a client reads of the OpenAPI document.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string                `json:"operationId"`
		Security    []map[string][]string `json:"security"`
		Responses   map[string]struct {
			Content map[string]any `json:"content"`
		} `json:"responses"`
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

func TestEveryRouteSaysHowItRefuses(t *testing.T) {
	d, _ := published(t, serve(t, newFake(), nil))
	for path, methods := range d.Paths {
		for method, o := range methods {
			want, kind := "default", "application/problem+json"
			switch path {
			case "/healthz":
				continue
			case "/readyz":
				want, kind = "503", "text/plain"
			}
			if _, ok := o.Responses[want].Content[kind]; !ok {
				t.Errorf("%s %s does not say that it answers %s as %s", method, path, want, kind)
			}
		}
	}
}

// TestNothingFitsTheDocument holds that what is null where there is none of it
// may be null by the document too: a client that is made from it reads it.
func TestNothingFitsTheDocument(t *testing.T) {
	_, text := published(t, serve(t, newFake(), nil))
	parse := func(text string) any {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", parse(text)); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"Environment": wire.Environment{URLs: map[string]string{}}, "Deployment": wire.Deployment{}, "Snapshot": wire.Snapshot{},
		"Data": wire.Data{}, "EnvironmentData": wire.EnvironmentData{}, "NewToken": wire.NewToken{}, "Task": wire.Task{}, "SweepItem": wire.SweepItem{},
		"ListEnvironment": wire.List[wire.Environment]{},
	} {
		answer, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.MustCompile("openapi.json#/components/schemas/" + name).Validate(parse(string(answer))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
