package control

import (
	"context"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/variable"
	"offshoot/internal/wire"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// checkoutAt is where every workload has the branch's files; a relative --file
// is one of them.
const checkoutAt = "/app"

// maxVariables bounds what one request sets.
const maxVariables = 1000

// SetProjectVariables changes variables or secrets of a project. All or
// nothing of it is done; secrets are sealed before they are written.
func (s *Service) SetProjectVariables(ctx context.Context, actor, name string, r wire.Variables) error {
	p, err := s.Store.Project(ctx, name)
	if err != nil {
		return noProject(err)
	}
	if err := checkVariables(r); err != nil {
		return err
	}
	if err := s.checkOwn(ctx, p, p.StagingBranch, r.Set); err != nil {
		return err
	}
	if r.File != "" && !path.IsAbs(r.File) {
		r.File = path.Join(checkoutAt, r.File)
	}
	if at := path.Clean(r.File); slices.ContainsFunc(hostFolders, func(dir string) bool { return at == dir || strings.HasPrefix(at, dir+"/") }) {
		return staging.Refused("name a path of the checkout, such as config/master.key, or one below /run", "%s lies in a folder of the host, which services cannot have files of their own in", at)
	}
	items := make([]store.SealedVariable, 0, len(r.Set))
	for _, k := range slices.Sorted(maps.Keys(r.Set)) {
		item := store.SealedVariable{Variable: staging.Variable{Key: k, Value: r.Set[k], Scope: staging.Scope(r.Scope), Secret: r.Secret, Build: r.Build, File: r.File}}
		if r.Secret {
			if item.Sealed, err = s.Key.Seal(item.Value); err != nil {
				return err
			}
			item.Value = ""
		}
		items = append(items, item)
	}
	return s.Store.Write(ctx, func(t *store.Tx) error {
		for _, item := range items {
			if err := t.PutVariable(ctx, name, item); err != nil {
				return err
			}
		}
		for _, k := range r.Unset {
			if err := t.DeleteVariable(ctx, name, k, staging.Scope(r.Scope)); err != nil {
				return err
			}
		}
		keys := append(slices.Sorted(maps.Keys(r.Set)), r.Unset...)
		_, err := t.AppendEvent(ctx, staging.Event{At: s.Now(), Type: "project.variables", Project: name, Actor: actor, Message: "changed " + strings.Join(keys, ", ")})
		return err
	})
}

// hostFolders are what services see of their host as it is: what is to be made
// there would let every start fail, also of what serves.
var hostFolders = []string{"/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/opt", "/proc", "/sbin", "/sys", "/usr"}

// checkVariables refuses what no process could be given, and what would not be
// the services'.
func checkVariables(r wire.Variables) error {
	switch staging.Scope(r.Scope) {
	case staging.ScopeAll, staging.ScopeShared, staging.ScopeBranch:
	case staging.ScopeLite, staging.ScopeFork:
		return staging.NotBuilt("--for " + r.Scope)
	default:
		return staging.Errorf(staging.CodeUsage, "shared or branch", "%q is no kind of environment", r.Scope)
	}
	if r.File != "" && (path.Clean(r.File) != r.File || strings.HasPrefix(r.File, "..") || strings.ContainsRune(r.File, 0)) {
		return staging.Errorf(staging.CodeUsage, "for example config/master.key", "%q is no path in the sandbox", r.File)
	}
	return nil
}

// checkNames refuses what cannot be variables.
func checkNames(set map[string]string) error {
	if len(set) > maxVariables {
		return staging.Errorf(staging.CodeUsage, "set them in parts", "%d variables at once", len(set))
	}
	for k, v := range set {
		if !variableName.MatchString(k) {
			return staging.Errorf(staging.CodeUsage, "use letters, digits and _", "%q is no name of a variable", k)
		}
		if strings.ContainsRune(v, 0) {
			return staging.Errorf(staging.CodeUsage, "encode it, for example as base64", "the value of %s has a NUL byte", k)
		}
	}
	return nil
}

// ProjectVariables lists them; secrets without their values.
func (s *Service) ProjectVariables(ctx context.Context, name string) ([]wire.Variable, error) {
	if _, err := s.Store.Project(ctx, name); err != nil {
		return nil, noProject(err)
	}
	list, err := s.Store.Variables(ctx, name)
	items := make([]wire.Variable, len(list))
	for i, v := range list {
		items[i] = wire.Variable{Key: v.Key, Secret: v.Secret, Scope: string(v.Scope), Build: v.Build, File: v.File}
		if !v.Secret {
			items[i].Value = &v.Value
		}
	}
	return items, err
}

// EnvironmentVariables are those that one environment was given itself.
func (s *Service) EnvironmentVariables(ctx context.Context, id string) ([]wire.Variable, error) {
	env, err := s.Store.Environment(ctx, id)
	if err != nil {
		return nil, err
	}
	items := []wire.Variable{}
	for _, k := range slices.Sorted(maps.Keys(env.Desired.Env)) {
		value := env.Desired.Env[k]
		items = append(items, wire.Variable{Key: k, Value: &value})
	}
	return items, nil
}

// Variables are a project's for one environment, secrets in the clear.
func (s *Service) Variables(ctx context.Context, p staging.Project, e staging.Environment) ([]staging.Variable, error) {
	list, err := s.Store.Variables(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	var own []staging.Variable
	for _, v := range list {
		if v.Scope != staging.ScopeAll && string(v.Scope) != string(e.Kind) {
			continue
		}
		if v.Secret {
			if v.Value, err = s.Key.Open(v.Sealed); err != nil {
				return nil, err
			}
		}
		own = append(own, v.Variable)
	}
	return own, nil
}

// checkOwn judges variables that a request carries before it is accepted.
func (s *Service) checkOwn(ctx context.Context, p staging.Project, branch string, values map[string]string) error {
	if err := checkNames(values); err != nil {
		return err
	}
	var names []string
	if env, err := s.Store.EnvironmentByBranch(ctx, p.Name, branch); err == nil && env.Deployed.Deployment != "" {
		if d, err := s.Store.Deployment(ctx, env.Deployed.Deployment); err == nil && d.Stack != nil {
			for _, x := range d.Stack.Datastores {
				names = append(append(names, x.Name), x.Aliases...)
			}
		}
	}
	err := variable.Check(values, names, p.Policy.AllowHosts)
	if e, ok := err.(*staging.Error); ok { //nolint:errorlint // ours, just made
		e.Code = staging.CodeRefused
	}
	return err
}
