package manifest

import (
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// imageBuild is the build section of a service.
func (r *reader) imageBuild(p *types.Project, s types.ServiceConfig) *staging.ImageBuild {
	b := s.Build
	v := &staging.ImageBuild{Name: s.Name, Context: ".", Inline: b.DockerfileInline, Target: b.Target, Args: r.buildArgs(s), NoCache: b.NoCache, Offline: b.Network == "none",
		ExtraHosts: r.hosts(b.ExtraHosts, "services", s.Name, "build", "extra_hosts"), Labels: b.Labels}
	for _, name := range slices.Sorted(maps.Keys(v.Labels)) {
		if r.unfit([]string{"services", s.Name, "build", "labels", name}, "the label "+name+" of the image", v.Labels[name]) {
			delete(v.Labels, name)
		}
	}
	if r.unfit([]string{"services", s.Name, "build", "dockerfile_inline"}, "the Dockerfile", v.Inline) {
		v.Inline = ""
		return v
	}
	context, ok := r.buildContext(s)
	if !ok {
		return v
	}
	v.Context = context
	if b.DockerfileInline == "" {
		v.Dockerfile = r.dockerfileOf(s, context)
	}
	v.Contexts = r.buildContexts(p, s)
	for _, c := range b.CacheFrom {
		if ref, ok := cacheImage(c); ok {
			v.CacheFrom = append(v.CacheFrom, ref)
		} else {
			r.ignore([]string{"services", s.Name, "build", "cache_from"}, "cache "+c+" is ignored: it is no image")
		}
	}
	v.Secrets = r.buildSecrets(p, s)
	return v
}

// buildContext is the folder that a service is built from; ok is whether there
// is one in the repository.
func (r *reader) buildContext(s types.ServiceConfig) (context string, ok bool) {
	at := []string{"services", s.Name, "build", "context"}
	context, inside := r.relative(s.Build.Context)
	switch {
	case !inside && remote(s.Build.Context):
		r.refuse(at, "the code of "+s.Name+" lies elsewhere: "+s.Build.Context, "join it: offshoot project set --join FOLDER="+address(s.Build.Context)+"; or make it a project of its own and use x-offshoot.links")
	case !inside:
		r.refuse(at, "the build context of "+s.Name+" leads outside the repository", "keep it inside, or join the repository beside it: offshoot project set --join "+cmp.Or(path.Base(s.Build.Context), "FOLDER")+"=REPOSITORY")
	case !r.isDir(context):
		r.refuse(at, "the build context "+context+" is not in the repository", "name a folder of the repository")
	default:
		return context, true
	}
	return "", false
}

// address is a context's repository.
func address(context string) string {
	repository, _, _ := strings.Cut(context, "#")
	return repository
}

// remote is whether a build's context is a repository or an archive elsewhere.
func remote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

// dockerfileOf is the Dockerfile, relative to the context; "" is the usual one.
func (r *reader) dockerfileOf(s types.ServiceConfig, context string) string {
	at := []string{"services", s.Name, "build", "dockerfile"}
	name := s.Build.Dockerfile
	file := path.Join(context, cmp.Or(name, "Dockerfile"))
	if path.IsAbs(name) {
		inside, ok := r.relative(name)
		if !ok {
			inside = ".."
		}
		file = inside
	}
	if outside(file) {
		r.refuse(at, "the Dockerfile lies outside the repository", "keep it inside")
		return ""
	}
	if !r.exists(file) {
		r.refuse(at, "the repository has no "+file, "name it with build.dockerfile")
		return ""
	}
	if name == "" {
		return ""
	}
	rel, err := filepath.Rel(context, file)
	if err != nil {
		return ""
	}
	return rel
}

// buildArgs takes the values of arguments that have none from where ${NAME}
// comes from. What an argument holds stays in the image and its history: a secret
// is refused, and what is known only when a service starts no build can have.
func (r *reader) buildArgs(s types.ServiceConfig) map[string]string {
	args := s.Build.Args
	values := plainValues(args)
	for name, v := range args {
		if v != nil {
			continue
		}
		if value, ok := r.lookup(r.environ, name); ok {
			values[name] = value
		}
	}
	for _, arg := range slices.Sorted(maps.Keys(values)) {
		if r.unfit([]string{"services", s.Name, "build", "args", arg}, "the build argument "+arg, values[arg]) {
			delete(values, arg)
		}
	}
	return values
}

// unfit is whether a value of a build holds what must not be in an image, or is not
// known yet; it says so.
func (r *reader) unfit(at []string, what, value string) bool {
	if !staging.HasLate(value) {
		return false
	}
	var secret, later string
	staging.ExpandLate(value, func(name string) string {
		if later = name; r.secret[name] {
			secret = name
		}
		return ""
	})
	if secret == "" {
		r.ignore(at, what+" is left out: "+later+" is known only when a service starts")
		return true
	}
	r.refuse(at, what+" holds the secret "+secret+", which would stay in the image",
		"mount it: RUN --mount=type=secret,id="+secret+" in the Dockerfile, build.secrets: ["+secret+"], and at the top secrets: {"+secret+": {environment: "+secret+"}}; offshoot project secret set "+secret+" --build")
	return true
}

// buildContexts are the further contexts by name.
func (r *reader) buildContexts(p *types.Project, s types.ServiceConfig) map[string]string {
	contexts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Build.AdditionalContexts)) {
		at := []string{"services", s.Name, "build", "additional_contexts", name}
		value := s.Build.AdditionalContexts[name]
		service, ofService := strings.CutPrefix(value, "service:")
		context, inside := r.relative(value)
		switch {
		case ofService && p.Services[service].Build == nil:
			r.refuse(at, "there is no service "+service+" that is built", "name a service with build")
		case ofService || strings.HasPrefix(value, "docker-image://"):
			contexts[name] = value
		case !inside && remote(value):
			r.refuse(at, "the context "+name+" lies elsewhere: "+value, "keep it in the repository, or use an image: docker-image://NAME")
		case !inside || !r.isDir(context):
			r.refuse(at, "the context "+name+" is no folder of the repository", "keep it inside")
		default:
			contexts[name] = context
		}
	}
	return contexts
}

// cacheImage is the image that cached layers are taken from.
func cacheImage(from string) (ref string, ok bool) {
	if !strings.Contains(from, "=") {
		return from, true
	}
	kind := ""
	for field := range strings.SplitSeq(from, ",") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "type":
			kind = value
		case "ref":
			ref = value
		}
	}
	return ref, kind == "registry" && ref != ""
}

// buildSecrets are files or variables that the build's steps alone see.
func (r *reader) buildSecrets(p *types.Project, s types.ServiceConfig) []staging.BuildSecret {
	var list []staging.BuildSecret
	for _, x := range s.Build.Secrets {
		at := []string{"services", s.Name, "build", "secrets"}
		c, declared := p.Secrets[x.Source]
		secret := staging.BuildSecret{ID: cmp.Or(x.Target, x.Source), Variable: c.Environment}
		file, inside := r.relative(c.File)
		switch {
		case !declared:
			r.refuse(at, "there is no secret "+x.Source, "declare it under secrets")
			continue
		case c.Environment != "":
			if _, known := r.lookup(r.environ, c.Environment); !known {
				r.unset[c.Environment] = true
			}
		case !inside:
			r.refuse([]string{"secrets", x.Source, "file"}, "the file leads outside the repository", "keep it inside, or give it by a variable: environment: NAME")
			continue
		case !r.exists(file):
			f, line := r.where([]string{"secrets", x.Source, "file"})
			r.note(staging.NoteMissing, f, line, "secrets."+x.Source+".file", file+" is not in the repository", "give it by a variable: environment: NAME, and offshoot project secret set NAME --build")
			continue
		default:
			secret.File = file
		}
		list = append(list, secret)
	}
	return list
}
