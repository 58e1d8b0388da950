// Package variable works out what a service, task or hook gets as its
// environment: ours under the stack's under the project's under the
// environment's own, with every value that names one of the stack's own
// services re-emitted as it can be reached here, and none that reaches for
// data elsewhere.
//
// It is pure and never puts a value into an error or a note.
package variable

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// Address is where one datastore of the environment can be reached.
type Address struct {
	Name, Kind string
	// Aliases are other names by which the stack calls it.
	Aliases []string
	Host    string
	Port    int
	// UsualPort is the one that values are written with (5432).
	UsualPort int
	User      string
	Password  string
	// Declared is the password as the stack has it, "" for none.
	Declared string
	Database string
	URL      string
	// Usual are the variables of the usual names.
	Usual map[string]string
}

// Mail is where the environment's mail is caught.
type Mail struct {
	Host string
	Port int
	// Names are those by which the stack calls it.
	Names []string
}

// Input is everything that an environment is made of.
type Input struct {
	// AsWritten is whether names of the stack's services answer where the workload
	// runs, with the passwords that are declared: then values stay as they are.
	AsWritten bool
	Ours      map[string]string
	// Links are the variables of links to fixed addresses, as the stack has
	// them; its other variables come over them.
	Links map[string]string
	// Stack is as the stack has it, late values not yet put in; so are Files,
	// path to content.
	Stack, Files map[string]string
	// Project are the project's variables that hold for this environment.
	Project []staging.Variable
	Own     map[string]string
	// Datastores are in the stack's order.
	Datastores []Address
	// Peers are the stack's services: name or alias to its port to HOST:PORT
	// here.
	Peers map[string]map[int]string
	// Names are all by which the stack's own call each other; where values are used
	// as they are written they lead to nobody else, at whatever port.
	Names []string
	// Mail is nil where none is caught.
	Mail *Mail
	// Allow are HOST or HOST:PORT that data variables may name.
	Allow []string
	// File and Line are where the stack says it, for notes.
	File string
	Line int
}

// Result is what the workload gets.
type Result struct {
	Env   map[string]string
	Files map[string]string
	Notes []staging.Note

	in Input
}

// Command is a command of the stack as it can run here: what it names of the
// stack's own services re-emitted, late values put in from env.
func (r Result) Command(c staging.Command, env map[string]string) staging.Command {
	here := staging.Command{Shell: r.in.script(c.Shell)}
	for _, a := range c.Args {
		here.Args = append(here.Args, r.in.script(a))
	}
	return here.ExpandLate(func(name string) string {
		if _, ok := staging.LatePasswordOf(name); ok {
			return r.in.late(name)
		}
		return env[name]
	})
}

// Resolve applies order, late values, re-emission and guard.
func Resolve(in Input) (Result, error) {
	res := Result{Env: in.given(), Files: map[string]string{}}
	maps.Copy(res.Env, in.Ours)
	maps.Copy(res.Env, in.Mail.variables())
	in.expand()
	res.in = in
	foreign := in.foreign(&res)
	emitted, notes := in.reemit(foreign)
	res.Notes = notes
	if err := in.guard(foreign, emitted); err != nil {
		return res, err
	}
	maps.Copy(res.Env, emitted)
	for path, content := range in.Files {
		if _, ok := res.Files[path]; !ok {
			res.Files[path] = content
		}
	}
	return res, nil
}

// expand puts late values in.
func (in *Input) expand() {
	late := func(name string) string { return in.late(name) }
	expanded := func(written map[string]string) map[string]string {
		values := maps.Clone(written)
		for key, value := range values {
			values[key] = staging.ExpandLate(value, late)
		}
		return values
	}
	in.Links, in.Stack, in.Files = expanded(in.Links), expanded(in.Stack), expanded(in.Files)
	in.Datastores = slices.Clone(in.Datastores)
	for i := range in.Datastores {
		in.Datastores[i].Declared = staging.ExpandLate(in.Datastores[i].Declared, late)
	}
}

func (in *Input) late(name string) string {
	if store, ok := staging.LatePasswordOf(name); ok {
		for _, d := range in.Datastores {
			if d.Name == store {
				return d.Password
			}
		}
	}
	for _, v := range slices.Backward(in.Project) {
		if v.Key == name && v.File == "" {
			return v.Value
		}
	}
	if v, ok := in.Ours[name]; ok {
		return v
	}
	if v, ok := in.Mail.variables()[name]; ok {
		return v
	}
	return in.given()[name]
}

// given are the variables that the datastores give.
func (in *Input) given() map[string]string {
	given, seen := map[string]string{}, map[string]bool{}
	for _, d := range in.Datastores {
		given[staging.Upper(d.Name)+"_URL"] = d.URL
		if !seen[d.Kind] {
			maps.Copy(given, d.Usual)
		}
		seen[d.Kind] = true
	}
	return given
}

// foreign are the values that others than Offshoot set, each by the last who
// did. What is Offshoot's own to say is left out.
func (in *Input) foreign(res *Result) map[string]string {
	foreign := map[string]string{}
	maps.Copy(foreign, in.Links)
	maps.Copy(foreign, in.Stack)
	for _, v := range in.Project {
		if v.File != "" {
			res.Files[v.File] = v.Value
			continue
		}
		foreign[v.Key] = v.Value
	}
	maps.Copy(foreign, in.Own)
	maps.DeleteFunc(foreign, func(key, _ string) bool { return strings.HasPrefix(key, "OFFSHOOT") || key == "PORT" })
	return foreign
}

// Ours are the variables that Offshoot itself gives.
func Ours(env staging.Environment, rev staging.Revision, primaryURL string, urls map[string]string) map[string]string {
	stream := "feature-staging"
	if env.Kind == staging.KindShared {
		stream = "shared-staging"
	}
	host := strings.TrimPrefix(primaryURL, "http://")
	if u, err := url.Parse(primaryURL); err == nil {
		host = u.Hostname()
	}
	vars := map[string]string{
		"OFFSHOOT": "1", "OFFSHOOT_ENVIRONMENT": env.ID, "OFFSHOOT_SLUG": env.Slug, "OFFSHOOT_KIND": string(env.Kind),
		"OFFSHOOT_PROJECT": env.Project, "OFFSHOOT_URL": primaryURL, "OFFSHOOT_HOST": host, "OFFSHOOT_STREAM": stream,
		"BRANCH_NAME": env.Branch, "GIT_COMMIT": rev.ID, "SENTRY_ENVIRONMENT": stream, "SENTRY_RELEASE": rev.ID,
		"OTEL_RESOURCE_ATTRIBUTES": fmt.Sprintf("deployment.environment.name=%s,offshoot.environment=%s,offshoot.project=%s,offshoot.branch=%s,vcs.ref.head.revision=%s",
			stream, env.ID, env.Project, url.PathEscape(env.Branch), rev.ID),
	}
	for service, u := range urls {
		if u != primaryURL {
			vars["OFFSHOOT_URL_"+staging.Upper(service)] = u
		}
	}
	return vars
}
