package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/auth"
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

// actor is who is said to have done it.
func actor(ctx context.Context) string { return auth.From(ctx).Name }

func operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, MaxBodyBytes: maxBody, Tags: []string{tag(path)},
		Responses: map[string]*huma.Response{"default": refusal()}}
}

// refusal is what every error is.
func refusal() *huma.Response {
	return &huma.Response{Description: "a problem (RFC 9457)", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/" + problemSchema}}}}
}

// tag groups an operation by the last noun of its path.
func tag(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name
}

func accepted(o huma.Operation) huma.Operation {
	o.DefaultStatus = http.StatusAccepted
	return o
}

func environments(api huma.API, c Config) {
	huma.Register(api, accepted(operation("create-environment", http.MethodPost, "/projects/{p}/environments", "Create an environment, or bring it to this state")),
		func(ctx context.Context, in *struct {
			Named
			Body wire.CreateEnvironment
		}) (*struct{ Body wire.Environment }, error) {
			return reply(c.Environments.Create(ctx, actor(ctx), in.Project, in.Body))
		})
	type Some struct {
		Page
		All bool `query:"all" doc:"destroyed ones too"`
	}
	pages := func(ctx context.Context, project string, in Some) (*struct{ Body wire.List[wire.Environment] }, error) {
		// One more than asked for tells whether there are more.
		items, err := c.Views.Environments(ctx, project, in.All, in.Cursor, in.limit()+1)
		return paged(items, err, Page{Limit: in.Limit}, func(e wire.Environment) string { return e.ID })
	}
	huma.Register(api, operation("list-project-environments", http.MethodGet, "/projects/{p}/environments", "Environments of a project"), func(ctx context.Context, in *struct {
		Named
		Some
	}) (*struct{ Body wire.List[wire.Environment] }, error) {
		return pages(ctx, in.Project, in.Some)
	})
	huma.Register(api, operation("list-environments", http.MethodGet, "/environments", "Environments of all projects"), func(ctx context.Context, in *struct {
		Project string `query:"project"`
		Some
	}) (*struct{ Body wire.List[wire.Environment] }, error) {
		return pages(ctx, in.Project, in.Some)
	})
	huma.Register(api, operation("show-environment", http.MethodGet, "/environments/{id}", "One environment"), func(ctx context.Context, in *Identified) (*struct{ Body wire.Environment }, error) {
		return reply(c.Views.Environment(ctx, in.ID))
	})
	huma.Register(api, operation("set-environment", http.MethodPatch, "/environments/{id}", "Change an environment's own variables"), func(ctx context.Context, in *struct {
		Identified
		Body wire.Variables
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Variables.SetVariables(ctx, actor(ctx), in.ID, in.Body))
	})
	huma.Register(api, accepted(operation("destroy-environment", http.MethodDelete, "/environments/{id}", "Destroy an environment")), func(ctx context.Context, in *struct {
		Identified
		Confirm string `query:"confirm" doc:"the project's name, for a shared environment"`
		Abandon bool   `query:"abandon" doc:"give up on what a platform will not remove: not in this build"`
	}) (*struct{ Body wire.Environment }, error) {
		if in.Abandon {
			return nil, problemOf(staging.NotBuilt("--abandon"))
		}
		return reply(c.Environments.Destroy(ctx, actor(ctx), in.ID, in.Confirm))
	})
	huma.Register(api, operation("resolve-environment", http.MethodGet, "/resolve", "The environment that a person means"), func(ctx context.Context, in *struct {
		Project  string `query:"project" doc:"only in this project"`
		Checkout string `query:"checkout" doc:"the project of the folder where the person is"`
		Name     string `query:"name" required:"true" doc:"an id, staging, a branch, a slug; without project also PROJECT/ and one of these"`
	}) (*struct{ Body wire.Environment }, error) {
		v, err := c.Views.Resolve(ctx, in.Project, in.Checkout, in.Name)
		return reply(v, seen(auth.From(ctx), v.Project, err))
	})
}

func actions(api huma.API, c Config) {
	huma.Register(api, accepted(operation("deploy-environment", http.MethodPost, "/environments/{id}/deploy", "Deploy the newest or given revision")), func(ctx context.Context, in *struct {
		Identified
		Body *wire.Deploy
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Environments.Deploy(ctx, actor(ctx), in.ID, given(in.Body)))
	})
	for _, name := range []string{"sleep", "wake", "pin", "unpin"} {
		huma.Register(api, accepted(operation(name+"-environment", http.MethodPost, "/environments/{id}/"+name, name)), func(ctx context.Context, in *Identified) (*struct{ Body wire.Environment }, error) {
			return reply(c.Environments.Act(ctx, actor(ctx), in.ID, name, 0))
		})
	}
	huma.Register(api, accepted(operation("extend-environment", http.MethodPost, "/environments/{id}/extend", "Keep an environment longer")), func(ctx context.Context, in *struct {
		Identified
		Body wire.Extend
	}) (*struct{ Body wire.Environment }, error) {
		return reply(c.Environments.Act(ctx, actor(ctx), in.ID, "extend", in.Body.DurationSeconds))
	})
}
