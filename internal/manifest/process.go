package manifest

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// processes is the way of a platform that runs the checkout, built in place.
type processes struct{}

func (processes) rule(k Key) Rule { return k.Process }

func (processes) procfile(_ *reader, list []process, _ bool) []process { return list }

func (processes) service(r *reader, _ *types.Project, s types.ServiceConfig, x serviceExtension, v *staging.Service) {
	r.command(s, x, v)
	v.Health.Test = allotted(v.Health.Test, v.Ports)
}

// mount leaves out what would hide the host's programs.
func (processes) mount(_ *reader, _ *staging.Service, m staging.Mount) (staging.Mount, string) {
	switch {
	case m.Kind == staging.MountVolume && m.Source == "":
		return staging.Mount{}, "" // anonymous: what is written there is kept for the deployment anyway
	case m.Target == "/" || system(m.Target):
		return staging.Mount{}, "the host's programs are there"
	case m.Kind == staging.MountCheckout && path.Join(codeAt, m.Source) == m.Target && !m.ReadOnly:
		return staging.Mount{}, "" // it is there already
	}
	m.Fill, m.Options = false, ""
	return m, ""
}

func (processes) finish(r *reader) {
	r.noInitScripts()
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		if v.Command.Empty() {
			r.cannotRun(v)
		}
	}
	for _, d := range r.stack.Datastores {
		if name := imageName(d.Image); d.Kind == "postgres" && name != "postgres" && name != "postgresql" {
			r.note(staging.NoteMissing, d.File, d.Line, "services."+d.Name+".image", "what "+d.Image+" has beyond Postgres must be installed on the server's host", "the docker platform runs the image itself")
		}
	}
	r.recognise()
	r.builtVolumes()
	r.spokenPorts()
}

// cannotRun is of class platform: another platform could.
func (r *reader) cannotRun(v staging.Service) {
	if slices.ContainsFunc(r.notes, func(n staging.Note) bool {
		misspelt := strings.HasPrefix(n.Message, noKey) && strings.HasPrefix(n.Key, "services."+v.Name+".")
		return misspelt || n.Kind == staging.NoteRefused && n.Key == "services."+v.Name+".build.context"
	}) {
		return // that key, or a Dockerfile there, may have said its command
	}
	message := "service " + v.Name + " has no way to run as a process: "
	hint := "give it x-offshoot.process.command, leave it out with `profiles: [image]` in " + overlayName + ", or use the docker platform"
	if v.Image == "" && v.ImageBuild == nil {
		message += "it has neither build nor image"
		hint = "say where its code is: build: ."
	} else if v.ImageBuild != nil {
		message += "neither Compose nor its Dockerfile says a command"
		hint = "give it a command, or x-offshoot.process.command"
	} else if kind, _ := datastoreKind(v.Image); kind == "solr" {
		message, hint = "Solr is not in this build", "leave "+v.Name+" out with `profiles: [solr]` in "+overlayName+", or use the docker platform"
	} else {
		message += "it is the image " + v.Image
	}
	r.class[len(r.notes)] = staging.ClassPlatform
	r.note(staging.NoteRefused, v.File, v.Line, "services."+v.Name, message, hint)
}

// builtVolumes drops volumes over what the build makes: an empty volume would
// hide it. Compose's users keep node_modules of the image so.
func (r *reader) builtVolumes() {
	var made []string
	for _, b := range r.stack.Build {
		for _, c := range b.Cache {
			made = append(made, path.Clean(c))
		}
	}
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		v.Mounts = slices.DeleteFunc(v.Mounts, func(m staging.Mount) bool {
			hides := m.Kind == staging.MountVolume && slices.Contains(made, inCheckout(*v, m.Target))
			if hides {
				r.ignore([]string{"services", v.Name, "volumes"}, "volume "+m.Source+" is ignored: the build makes "+m.Target)
			}
			return hides
		})
	}
	r.unusedVolumes()
}

// inCheckout is the path of the checkout that a target inside is, "" for none.
func inCheckout(v staging.Service, target string) string {
	for _, m := range slices.Backward(v.Mounts) {
		if rest, ok := under(target, m.Target); ok && m.Kind == staging.MountCheckout {
			return path.Join(m.Source, rest)
		}
	}
	if rest, ok := under(target, codeAt); ok {
		return path.Clean(rest)
	}
	return ""
}

// allotted is a check that asks where the service listens here: its first port
// is the one that PORT names.
func allotted(c staging.Command, ports []staging.Port) staging.Command {
	if len(ports) == 0 {
		return c
	}
	own := regexp.MustCompile(`\b(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):` + strconv.Itoa(ports[0].Target) + `\b`)
	put := func(s string) string { return own.ReplaceAllString(s, "${1}:"+staging.Late("PORT")) }
	out := staging.Command{Shell: put(c.Shell)}
	for _, a := range c.Args {
		out.Args = append(out.Args, put(a))
	}
	return out
}
