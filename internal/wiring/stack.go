package wiring

import (
	"context"
	"path/filepath"

	"offshoot/internal/manifest"
	"offshoot/internal/source"
	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

// read reads the stack of a checkout with what the project says.
func (s *server) read(mirrors *source.Mirrors) func(context.Context, string, staging.Project, staging.Environment, string) (*staging.Stack, []staging.Note, error) {
	return func(ctx context.Context, dir string, p staging.Project, e staging.Environment, sha string) (*staging.Stack, []staging.Note, error) {
		vars, err := s.control.Variables(ctx, p, e)
		if err != nil {
			return nil, nil, err
		}
		values, secrets := map[string]string{}, []string{}
		for _, v := range vars {
			switch {
			case v.File != "":
			case v.Secret:
				secrets = append(secrets, v.Key)
			default:
				values[v.Key] = v.Value
			}
		}
		paths, err := mirrors.Tracked(ctx, p.Name, sha)
		if err != nil {
			return nil, nil, err
		}
		tracked := map[string]bool{}
		for _, t := range paths {
			for ; t != "." && !tracked[t]; t = filepath.Dir(t) {
				tracked[t] = true
			}
		}
		r, err := manifest.Load(ctx, dir, manifest.Options{ComposeFile: p.ComposeFile, Platform: e.Platform, Joined: p.Policy.Joined, Given: len(e.Desired.Images) > 0, Variables: values, Secrets: secrets,
			Judge: func(key, value string, names []string) error {
				if _, overridden := e.Desired.Env[key]; overridden {
					return nil // judged when it was asked for
				}
				return variable.Judge(key, value, names, p.Policy.AllowHosts)
			},
			Tracked: func(path string) bool { return tracked[path] }})
		if r == nil {
			return nil, nil, err
		}
		r.Stack.Branched(e.Kind)
		return r.Stack, r.Notes, err
	}
}
