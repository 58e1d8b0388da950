package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Named is a path with a project in it; the framework reads exported fields only.
type Named struct {
	Project string `path:"p" doc:"a project's name"`
}

// Identified is a path with an environment in it.
type Identified struct {
	ID string `path:"id" doc:"an environment's id"`
}

// actor is who is said to have done it, until there are users.
const actor = "admin"

func operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, MaxBodyBytes: maxBody}
}

func accepted(o huma.Operation) huma.Operation {
	o.DefaultStatus = http.StatusAccepted
	return o
}

func projects(api huma.API, c Config) {
	huma.Register(api, operation("list-projects", http.MethodGet, "/projects", "All projects"), func(ctx context.Context, _ *struct{}) (*struct{ Body wire.List[wire.Project] }, error) {
		return list(c.Projects.Projects(ctx))
	})
	huma.Register(api, operation("add-project", http.MethodPost, "/projects", "Register a repository"), func(ctx context.Context, in *struct{ Body wire.AddProject }) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.AddProject(ctx, in.Body))
	})
	huma.Register(api, operation("show-project", http.MethodGet, "/projects/{p}", "One project"), func(ctx context.Context, in *Named) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.Project(ctx, in.Project))
	})
	huma.Register(api, operation("set-project", http.MethodPatch, "/projects/{p}", "Change a project"), func(ctx context.Context, in *struct {
		Named
		Body struct {
			AllowHosts []string `json:"allow_hosts,omitempty"`
		}
	}) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.AllowHosts(ctx, in.Project, in.Body.AllowHosts))
	})
	huma.Register(api, operation("remove-project", http.MethodDelete, "/projects/{p}", "Forget a project"), func(ctx context.Context, in *Named) (*struct{}, error) {
		if err := c.Projects.RemoveProject(ctx, in.Project); err != nil {
			return nil, problemOf(err)
		}
		return nil, nil
	})
	huma.Register(api, operation("list-variables", http.MethodGet, "/projects/{p}/variables", "Variables of a project"), func(ctx context.Context, in *Named) (*struct{ Body wire.List[wire.Variable] }, error) {
		return list(c.Variables.ProjectVariables(ctx, in.Project))
	})
	huma.Register(api, operation("set-variables", http.MethodPatch, "/projects/{p}/variables", "Set and unset variables and secrets"), func(ctx context.Context, in *struct {
		Named
		Body wire.Variables
	}) (*struct{}, error) {
		if err := c.Variables.SetProjectVariables(ctx, in.Project, in.Body); err != nil {
			return nil, problemOf(err)
		}
		return nil, nil
	})
}

func environments(api huma.API, c Config) {
	huma.Register(api, accepted(operation("create-environment", http.MethodPost, "/projects/{p}/environments", "Create an environment, or bring it to this state")),
		func(ctx context.Context, in *struct {
			Named
			Body wire.CreateEnvironment
		}) (*struct{ Body wire.Environment }, error) {
			return reply(c.Environments.Create(ctx, actor, in.Project, in.Body))
		})
	type Page struct {
		Limit  int    `query:"limit" minimum:"0" maximum:"1000"`
		Cursor string `query:"cursor"`
		All    bool   `query:"all"`
	}
	pages := func(ctx context.Context, project string, in Page) (*struct{ Body wire.List[wire.Environment] }, error) {
		limit := in.Limit
		if limit == 0 {
			limit = 200
		}
		items, err := c.Views.Environments(ctx, project, in.All, in.Cursor, limit)
		out, err := list(items, err)
		if err == nil && len(items) == limit {
			out.Body.NextCursor = &items[limit-1].ID
		}
		return out, err
	}
	huma.Register(api, operation("list-project-environments", http.MethodGet, "/projects/{p}/environments", "Environments of a project"), func(ctx context.Context, in *struct {
		Named
		Page
	}) (*struct{ Body wire.List[wire.Environment] }, error) {
		return pages(ctx, in.Project, in.Page)
	})
	huma.Register(api, operation("list-environments", http.MethodGet, "/environments", "Environments of all projects"), func(ctx context.Context, in *Page) (*struct{ Body wire.List[wire.Environment] }, error) {
		return pages(ctx, "", *in)
	})
	huma.Register(api, operation("show-environment", http.MethodGet, "/environments/{id}", "One environment"), func(ctx context.Context, in *Identified) (*struct{ Body wire.Environment }, error) {
		return reply(c.Views.Environment(ctx, in.ID))
	})
	huma.Register(api, operation("set-environment", http.MethodPatch, "/environments/{id}", "Change an environment's own variables"), func(ctx context.Context, in *struct {
		Identified
		Body wire.Variables
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Variables.SetVariables(ctx, actor, in.ID, in.Body))
	})
	huma.Register(api, accepted(operation("destroy-environment", http.MethodDelete, "/environments/{id}", "Destroy an environment")), func(ctx context.Context, in *struct {
		Identified
		Confirm string `query:"confirm" doc:"the project's name, for a shared environment"`
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Environments.Destroy(ctx, actor, in.ID, in.Confirm))
	})
	huma.Register(api, operation("resolve-environment", http.MethodGet, "/resolve", "The environment that a person means"), func(ctx context.Context, in *struct {
		Project string `query:"project"`
		Name    string `query:"name"`
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Views.Resolve(ctx, in.Project, in.Name))
	})
}

func actions(api huma.API, c Config) {
	huma.Register(api, accepted(operation("deploy-environment", http.MethodPost, "/environments/{id}/deploy", "Deploy the newest or given revision")), func(ctx context.Context, in *struct {
		Identified
		Body wire.Deploy
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Environments.Deploy(ctx, actor, in.ID, in.Body))
	})
	for _, name := range []string{"sleep", "wake", "pin", "unpin"} {
		huma.Register(api, accepted(operation(name+"-environment", http.MethodPost, "/environments/{id}/"+name, name)), func(ctx context.Context, in *Identified) (*struct{ Body wire.Environment }, error) {
			return reply(c.Environments.Act(ctx, actor, in.ID, name, 0))
		})
	}
	huma.Register(api, accepted(operation("extend-environment", http.MethodPost, "/environments/{id}/extend", "Keep an environment longer")), func(ctx context.Context, in *struct {
		Identified
		Body wire.Extend
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Environments.Act(ctx, actor, in.ID, "extend", in.Body.Seconds))
	})
}

func looks(api huma.API, c Config) {
	huma.Register(api, operation("list-deployments", http.MethodGet, "/environments/{id}/deployments", "Deployments, newest first"), func(ctx context.Context, in *Identified) (*struct{ Body wire.List[wire.Deployment] }, error) {
		return list(c.Views.Deployments(ctx, in.ID))
	})
	huma.Register(api, operation("list-resources", http.MethodGet, "/environments/{id}/resources", "What an environment is made of"), func(ctx context.Context, in *Identified) (*struct{ Body wire.List[wire.Resource] }, error) {
		return list(c.Views.Resources(ctx, in.ID))
	})
	huma.Register(api, operation("list-events", http.MethodGet, "/events", "What happened, by sequence number"), func(ctx context.Context, in *struct {
		After       int64  `query:"after" minimum:"0"`
		Project     string `query:"project"`
		Environment string `query:"environment"`
		Limit       int    `query:"limit" minimum:"0" maximum:"1000"`
		Wait        int    `query:"wait" minimum:"0" maximum:"60" doc:"seconds to wait for the first event"`
	}) (*struct{ Body wire.List[staging.Event] }, error) {
		return list(c.Feed.Events(ctx, EventQuery{After: in.After, Project: in.Project, Environment: in.Environment, Limit: in.Limit, Patience: time.Duration(in.Wait) * time.Second}))
	})
	huma.Register(api, operation("show-status", http.MethodGet, "/status", "The server's health"), func(ctx context.Context, _ *struct{}) (*struct{ Body wire.Status }, error) {
		return reply(c.Feed.Status(ctx))
	})
}

// logs streams one JSON object a line.
func logs(c Config, w http.ResponseWriter, r *http.Request) {
	q := LogQuery{Service: r.URL.Query().Get("service"), Step: r.URL.Query().Get("step"), Follow: r.URL.Query().Get("follow") == "true", Tail: -1}
	if t := r.URL.Query().Get("tail"); t != "" {
		n, err := strconv.Atoi(t)
		if err != nil || n < 0 {
			writeProblem(w, problemOf(staging.Errorf(staging.CodeUsage, "give a number of lines", "tail=%q", t)))
			return
		}
		q.Tail = n
	}
	if t := r.URL.Query().Get("since"); t != "" {
		at, err := time.Parse(time.RFC3339Nano, t)
		if err != nil {
			writeProblem(w, problemOf(staging.Errorf(staging.CodeUsage, "give a time as RFC 3339", "since=%q", t)))
			return
		}
		q.Since = at
	}
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	begun := false
	err := c.Feed.Logs(r.Context(), r.PathValue("id"), q, func(l wire.LogLine) error {
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		begun = true
		if err := out.Encode(l); err != nil {
			return fmt.Errorf("client: %w", err)
		}
		if q.Follow {
			return flush.Flush()
		}
		return nil
	})
	if err != nil && !begun && r.Context().Err() == nil {
		writeProblem(w, problemOf(err))
	}
}

func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem)
}
