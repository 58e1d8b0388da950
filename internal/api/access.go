package api

import "offshoot/internal/staging"

// rule is who may use a route. The zero rule is for administrators of all
// projects: what is not in the table is denied to everyone else.
type rule struct {
	role  staging.AccessRole
	scope scope
	// open needs no token at all; page also takes the page's cookie.
	open, page bool
}

// scope says how a route's request names the project it is about, for tokens
// that see one project only.
type scope int

const (
	// The zero scope is about no project: tokens of one project are refused.
	_ scope = iota
	// scopeProject has the project in the path.
	scopeProject
	// scopeEnvironment and scopeSnapshot have an id in the path.
	scopeEnvironment
	scopeSnapshot
	// scopeQuery takes ?project=, which is set for them.
	scopeQuery
)

// access is the one table of who may do what.
func access() map[string]rule {
	const (
		viewer    = staging.RoleViewer
		tester    = staging.RoleTester
		developer = staging.RoleDeveloper
		admin     = staging.RoleAdmin
	)
	environment := "/api/v1/environments/{id}"
	project := "/api/v1/projects/{p}"
	return map[string]rule{
		"GET /healthz": {open: true},
		"GET /readyz":  {open: true},

		"GET /{$}":                                              {role: viewer, scope: scopeQuery, page: true},
		"GET /environments/{id}":                                {role: viewer, scope: scopeEnvironment, page: true},
		"GET /environments/{id}/mail":                           {role: viewer, scope: scopeEnvironment, page: true},
		"GET /environments/{id}/mail/{message}":                 {role: viewer, scope: scopeEnvironment, page: true},
		"GET /environments/{id}/mail/{message}/html":            {role: viewer, scope: scopeEnvironment, page: true},
		"GET /environments/{id}/mail/{message}/raw":             {role: viewer, scope: scopeEnvironment, page: true},
		"GET /environments/{id}/mail/{message}/attachments/{n}": {role: viewer, scope: scopeEnvironment, page: true},
		"GET /live":          {role: viewer, scope: scopeQuery, page: true},
		"GET /sign-in":       {open: true},
		"POST /sign-in":      {open: true},
		"POST /sign-out":     {open: true},
		"GET /assets/{file}": {open: true},

		"GET /openapi.json": {role: viewer, scope: scopeQuery},
		"GET /metrics":      {role: viewer},

		"GET /api/v1/projects":              {role: viewer, scope: scopeQuery},
		"POST /api/v1/projects":             {role: admin},
		"GET " + project:                    {role: viewer, scope: scopeProject},
		"PATCH " + project:                  {role: admin, scope: scopeProject},
		"DELETE " + project:                 {role: admin},
		"GET " + project + "/variables":     {role: developer, scope: scopeProject},
		"PATCH " + project + "/variables":   {role: admin, scope: scopeProject},
		"GET " + project + "/credentials":   {role: developer, scope: scopeProject},
		"PUT " + project + "/credentials":   {role: admin, scope: scopeProject},
		"GET " + project + "/environments":  {role: viewer, scope: scopeProject},
		"POST " + project + "/environments": {role: developer, scope: scopeProject},
		"GET " + project + "/snapshots":     {role: viewer, scope: scopeProject},
		"POST " + project + "/snapshots":    {role: developer, scope: scopeProject},

		"GET /api/v1/environments":            {role: viewer, scope: scopeQuery},
		"GET /api/v1/resolve":                 {role: viewer, scope: scopeQuery},
		"GET " + environment:                  {role: viewer, scope: scopeEnvironment},
		"PATCH " + environment:                {role: developer, scope: scopeEnvironment},
		"DELETE " + environment:               {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/deploy":     {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/sleep":      {role: tester, scope: scopeEnvironment},
		"POST " + environment + "/wake":       {role: tester, scope: scopeEnvironment},
		"POST " + environment + "/extend":     {role: tester, scope: scopeEnvironment},
		"POST " + environment + "/pin":        {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/unpin":      {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/reset":      {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/undo":       {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/scale":      {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/link":       {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/cron":       {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/freeze":     {role: tester, scope: scopeEnvironment},
		"POST " + environment + "/share":      {role: developer, scope: scopeEnvironment},
		"POST " + environment + "/exec":       {role: developer, scope: scopeEnvironment},
		"GET " + environment + "/exec":        {role: developer, scope: scopeEnvironment},
		"GET " + environment + "/tunnel":      {role: developer, scope: scopeEnvironment},
		"GET " + environment + "/deployments": {role: viewer, scope: scopeEnvironment},
		"GET " + environment + "/logs":        {role: viewer, scope: scopeEnvironment},
		"GET " + environment + "/resources":   {role: viewer, scope: scopeEnvironment},
		"GET " + environment + "/variables":   {role: developer, scope: scopeEnvironment},
		"GET " + environment + "/data":        {role: viewer, scope: scopeEnvironment},

		"GET " + environment + "/mail":                           {role: viewer, scope: scopeEnvironment},
		"DELETE " + environment + "/mail":                        {role: tester, scope: scopeEnvironment},
		"GET " + environment + "/mail/{message}":                 {role: viewer, scope: scopeEnvironment},
		"DELETE " + environment + "/mail/{message}":              {role: tester, scope: scopeEnvironment},
		"GET " + environment + "/mail/{message}/raw":             {role: viewer, scope: scopeEnvironment},
		"GET " + environment + "/mail/{message}/attachments/{n}": {role: viewer, scope: scopeEnvironment},

		"GET /api/v1/snapshots/{id}":    {role: viewer, scope: scopeSnapshot},
		"DELETE /api/v1/snapshots/{id}": {role: admin, scope: scopeSnapshot},

		"GET /api/v1/events":   {role: viewer, scope: scopeQuery},
		"GET /api/v1/status":   {role: viewer},
		"POST /api/v1/sweep":   {role: admin},
		"GET /api/v1/runtime":  {role: viewer},
		"POST /api/v1/runtime": {role: admin},
		"GET /api/v1/whoami":   {role: viewer, scope: scopeQuery},

		"POST /api/v1/sign-in-links":   {role: viewer, scope: scopeQuery},
		"GET /api/v1/tokens":           {role: admin},
		"POST /api/v1/tokens":          {role: admin},
		"DELETE /api/v1/tokens/{name}": {role: admin},
	}
}
