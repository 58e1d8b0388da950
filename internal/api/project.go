package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// projects are the operations on projects, their variables and credentials.
func projects(api huma.API, c Config) {
	huma.Register(api, operation("list-projects", http.MethodGet, "/projects", "All projects, by name"), func(ctx context.Context, in *struct {
		Page
		Project string `query:"project" doc:"only this one"`
	}) (*struct{ Body wire.List[wire.Project] }, error) {
		items, err := c.Projects.Projects(ctx)
		kept := make([]wire.Project, 0, len(items))
		for _, p := range items {
			if in.Project == "" || p.Name == in.Project {
				kept = append(kept, p)
			}
		}
		return paged(kept, err, in.Page, func(p wire.Project) string { return p.Name })
	})
	huma.Register(api, operation("add-project", http.MethodPost, "/projects", "Register a repository"), func(ctx context.Context, in *struct{ Body wire.AddProject }) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.AddProject(ctx, actor(ctx), in.Body))
	})
	huma.Register(api, operation("show-project", http.MethodGet, "/projects/{p}", "One project"), func(ctx context.Context, in *Named) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.Project(ctx, in.Project))
	})
	huma.Register(api, operation("set-project", http.MethodPatch, "/projects/{p}", "Change a project: only what is given"), func(ctx context.Context, in *struct {
		Named
		Body wire.SetProject
	}) (*struct{ Body wire.Project }, error) {
		return reply(c.Projects.SetProject(ctx, actor(ctx), in.Project, in.Body))
	})
	huma.Register(api, operation("remove-project", http.MethodDelete, "/projects/{p}", "Forget a project that has no environments or snapshots"), func(ctx context.Context, in *Named) (*struct{}, error) {
		return nothing(c.Projects.RemoveProject(ctx, actor(ctx), in.Project))
	})
	variables(api, c)
	credentials(api, c)
}

func variables(api huma.API, c Config) {
	huma.Register(api, operation("list-variables", http.MethodGet, "/projects/{p}/variables", "Variables and secrets of a project; secrets without their values"), func(ctx context.Context, in *struct {
		Named
		Page
	}) (*struct{ Body wire.List[wire.Variable] }, error) {
		items, err := c.Variables.ProjectVariables(ctx, in.Project)
		return paged(items, err, in.Page, func(v wire.Variable) string { return v.Key + "/" + v.Scope })
	})
	huma.Register(api, operation("list-environment-variables", http.MethodGet, "/environments/{id}/variables", "An environment's own variables"), func(ctx context.Context, in *struct {
		Identified
		Page
	}) (*struct{ Body wire.List[wire.Variable] }, error) {
		items, err := c.Variables.EnvironmentVariables(ctx, in.ID)
		return paged(items, err, in.Page, func(v wire.Variable) string { return v.Key })
	})
	huma.Register(api, operation("set-variables", http.MethodPatch, "/projects/{p}/variables", "Set and unset variables and secrets"), func(ctx context.Context, in *struct {
		Named
		Body wire.Variables
	}) (*struct{}, error) {
		return nothing(c.Variables.SetProjectVariables(ctx, actor(ctx), in.Project, in.Body))
	})
}

func credentials(api huma.API, c Config) {
	huma.Register(api, operation("list-credentials", http.MethodGet, "/projects/{p}/credentials", "Which credentials a project has, never what they are"), func(ctx context.Context, in *struct {
		Named
		Page
	}) (*struct{ Body wire.List[wire.Credential] }, error) {
		items, err := c.Credentials.Credentials(ctx, in.Project)
		return paged(items, err, in.Page, func(k wire.Credential) string { return k.Kind + " " + k.Host })
	})
	huma.Register(api, operation("set-credential", http.MethodPut, "/projects/{p}/credentials", "Set a credential; it is tried at once"), func(ctx context.Context, in *struct {
		Named
		Body wire.SetCredential
	}) (*struct{}, error) {
		return nothing(c.Credentials.SetCredential(ctx, actor(ctx), in.Project, in.Body))
	})
}

// nothing is the answer of what has none.
func nothing(err error) (*struct{}, error) {
	if err != nil {
		return nil, problemOf(err)
	}
	return nil, nil
}
