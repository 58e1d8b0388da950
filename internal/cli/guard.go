package cli

import (
	"context"
	"slices"
	"time"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// Judge is the guard: whether a variable reaches for data that is neither on a
// host of the stack, by its names, nor on one that is allowed.
type Judge func(key, value string, names, allow []string) error

// askLimit bounds asking a server for what a command can do without.
const askLimit = 2 * time.Second

// guarded reads a stack as a deployment of a branch would, the guard with it.
// Which file is read where none is named, which hosts are allowed, and which
// variables are the project's own, a server knows: where there is none the usual
// names are read and nothing is allowed or given. ask is whether the folder is
// that of a project it may know.
func (s *stdio) guarded(ctx context.Context, judge Judge, dir, branch string, o *manifest.Options, ask bool) (*manifest.Result, error) {
	var allow []string
	o.Judge = func(key, value string, names []string) error { return judge(key, value, names, allow) }
	r, refusal := manifest.Load(ctx, dir, *o)
	unanswered := staging.CodeOf(refusal) == staging.ClassCode(staging.ClassPolicy) || r != nil && len(r.Unset) > 0
	named := o.ComposeFile
	platform := o.Platform
	if !ask || named != "" && !unanswered || !s.asked(ctx, branch, o, &allow) || o.ComposeFile == named && o.Platform == platform && !unanswered {
		return r, refusal
	}
	return manifest.Load(ctx, dir, *o)
}

// asked adds what the checkout's project says on its server for a branch.
func (s *stdio) asked(ctx context.Context, branch string, o *manifest.Options, allow *[]string) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	c := s.client()
	name, err := s.needProject(ctx, c)
	if err != nil {
		return false
	}
	p, err := c.Project(ctx, name)
	if err != nil {
		return false
	}
	variables, err := c.Variables(ctx, name)
	if err != nil {
		return false
	}
	scope := staging.ScopeBranch
	if branch == p.StagingBranch {
		scope = staging.ScopeShared
	}
	o.ComposeFile = first(o.ComposeFile, p.ComposeFile)
	if o.Platform == "" && slices.Contains(checkable, p.PlatformChosen) {
		o.Platform = p.PlatformChosen
	}
	*allow, o.Variables = p.AllowHosts, map[string]string{}
	for _, v := range variables.Items {
		switch {
		case v.File != "" || v.Scope != string(staging.ScopeAll) && v.Scope != string(scope):
		case v.Value == nil:
			o.Secrets = append(o.Secrets, v.Key)
		default:
			o.Variables[v.Key] = *v.Value
		}
	}
	return true
}
