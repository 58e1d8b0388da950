package manifest

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"offshoot/internal/staging"
)

// images is the way of a platform that runs images: those of elsewhere, and
// those that it builds of the checkout.
type images struct{}

func (images) rule(k Key) Rule { return k.Docker }

func (images) service(r *reader, p *types.Project, s types.ServiceConfig, _ serviceExtension, v *staging.Service) {
	v.Command = staging.Command{Args: s.Command}
	v.WorkingDir = s.WorkingDir
	v.Container = r.container(s)
	r.fileModes(s, v)
	if s.Build != nil {
		v.ImageBuild = r.imageBuild(p, s)
		r.codeOf[s.Name] = v.ImageBuild.Context
		return
	}
	if _, err := reference.ParseNormalizedNamed(s.Image); err != nil && s.Image != "" && !staging.HasLate(s.Image) {
		r.refuse([]string{"services", s.Name, "image"}, strconv.Quote(s.Image)+" is no name of an image", "give its variables a value: offshoot project env set NAME=VALUE")
	}
}

// mount names anonymous volumes after the service and the path, so that they
// are kept over redeploys.
func (images) mount(r *reader, v *staging.Service, m staging.Mount) (staging.Mount, string) {
	if m.Target == "/" || kernel(m.Target) {
		return staging.Mount{}, "the kernel's files are there"
	}
	if m.Kind == staging.MountVolume && m.Source == "" {
		m.Source = v.Name + "-" + strings.Trim(strings.Map(plainRune, m.Target), "-")
		r.anonymous[m.Source] = true
	}
	return m, ""
}

// kernel is whether a path is the kernel's own inside a container. Shared memory
// is the service's.
func kernel(target string) bool {
	_, shared := under(target, "/dev/shm")
	return !shared && slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(dir string) bool { _, ok := under(target, dir); return ok })
}

// procfile leaves out the commands of what Compose says itself. Where Compose
// builds nothing the others run in the image of the repository's Dockerfile;
// where nothing else is to run they are kept, to be refused by name.
func (images) procfile(r *reader, list []process, compose bool) []process {
	return slices.DeleteFunc(list, func(p process) bool {
		_, known := r.stack.Service(p.name)
		if p.name == "release" || !compose || !known && !r.builds() && (r.exists("Dockerfile") || len(r.stack.Services) == 0) {
			return false
		}
		r.note(staging.NoteIgnored, "Procfile", p.line, p.name, "the command is for processes: its image says what "+p.name+" runs", "")
		return true
	})
}

// procfileImage is the one in which all processes of a Procfile run.
const procfileImage = "procfile"

func (images) finish(r *reader) {
	defer r.initScripts() // they are of no service of the stack
	r.builtElsewhere()
	for i := range r.stack.Services {
		r.keepData(&r.stack.Services[i])
	}
	r.keptOfImages()
	r.unusedVolumes()
	r.backing()
	for i := range r.stack.Services {
		if v := &r.stack.Services[i]; v.File == "Procfile" && r.exists("Dockerfile") {
			v.WorkingDir, v.ImageBuild = "", &staging.ImageBuild{Name: procfileImage, Context: "."}
		}
	}
	built := r.o.Given
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		built = built || v.ImageBuild != nil || slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool { return m.Kind == staging.MountCheckout && r.isDir(m.Source) })
		if v.ImageBuild != nil || v.Image != "" {
			continue
		}
		if v.File == "Procfile" {
			r.class[len(r.notes)] = staging.ClassPlatform
			r.note(staging.NoteRefused, v.File, v.Line, v.Name, "service "+v.Name+" has no image to run", "add a Dockerfile or a compose.yaml, or use the process platform")
			continue
		}
		r.note(staging.NoteRefused, v.File, v.Line, "services."+v.Name, "service "+v.Name+" has neither build nor image", "say where its code is: build: .")
	}
	if !built && len(r.stack.Services) > 0 && !r.refused() {
		r.note(staging.NoteMissing, r.mainFile(), 0, "services", "no service is built from the repository: every branch would run the same code",
			"build one, or give what was built: offshoot deploy --image SERVICE=REF")
	}
}

// builtElsewhere finds services that run the image which another one builds:
// Compose's users name it so, and no registry has it.
func (r *reader) builtElsewhere() {
	builders := map[string]*staging.ImageBuild{}
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		if v.ImageBuild != nil && v.Image != "" && builders[v.Image] == nil {
			builders[v.Image] = v.ImageBuild
		}
	}
	for _, list := range [][]staging.Service{r.stack.Services, r.stack.OneShots} {
		for i := range list {
			if list[i].ImageBuild == nil {
				list[i].ImageBuild = builders[list[i].Image]
			}
		}
	}
}

// dependencyFolders are where tools put what a project depends on, by the file
// that names it.
var dependencyFolders = map[string]string{
	"package.json": "node_modules", "composer.json": "vendor", "Gemfile": "vendor/bundle",
	"pyproject.toml": ".venv", "requirements.txt": ".venv", "Pipfile": ".venv", "mix.exs": "deps",
}

// keptOfImages says what an image has below a mounted folder of the checkout
// that stays as the image has it: folders of dependencies, which no revision
// holds, and what the stack keeps by an anonymous volume. A named volume there
// is left out: it would keep what an older revision depended on.
func (r *reader) keptOfImages() {
	for _, list := range [][]staging.Service{r.stack.Services, r.stack.OneShots} {
		for i := range list {
			v := &list[i]
			if v.ImageBuild == nil {
				continue
			}
			for j := range v.Mounts {
				if m := &v.Mounts[j]; m.Kind == staging.MountCheckout && r.isDir(m.Source) {
					r.keep(v, m)
				}
			}
			v.Mounts = slices.DeleteFunc(v.Mounts, func(m staging.Mount) bool {
				return m.Kind == staging.MountVolume && (r.isKept(v, m) || r.installed(v, m))
			})
		}
	}
}

// keep finds what of the image stays below one mount.
func (r *reader) keep(v *staging.Service, m *staging.Mount) {
	for _, dir := range append([]string{""}, r.folders(m.Source)...) {
		for file, folder := range dependencyFolders {
			name := path.Join(dir, folder)
			if r.exists(path.Join(m.Source, dir, file)) && !r.trackedFolder(path.Join(m.Source, name)) && !slices.Contains(m.Keep, name) && !bound(v, path.Join(m.Target, name)) {
				m.Keep = append(m.Keep, name)
			}
		}
	}
	for _, other := range v.Mounts {
		if name, below := under(other.Target, m.Target); below && name != "" && r.anonymous[other.Source] && !slices.Contains(m.Keep, name) {
			m.Keep = append(m.Keep, name)
		}
	}
	slices.Sort(m.Keep)
	if len(m.Keep) > 0 {
		r.guess([]string{"services", v.Name, "volumes"}, strings.Join(m.Keep, ", ")+" below "+m.Target+" is what the image has there", "the rest of "+m.Target+" is the checkout")
	}
}

// bound is whether the stack itself says what of the checkout is at a path.
func bound(v *staging.Service, target string) bool {
	return slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool { return m.Kind != staging.MountVolume && m.Target == target })
}

// isKept is whether a volume hides what stays of the image.
func (r *reader) isKept(v *staging.Service, volume staging.Mount) bool {
	for _, m := range v.Mounts {
		name, below := under(volume.Target, m.Target)
		if !below || name == "" || m.Kind != staging.MountCheckout || !slices.Contains(m.Keep, name) {
			continue
		}
		if !r.anonymous[volume.Source] {
			r.ignore([]string{"services", v.Name, "volumes"}, "volume "+volume.Source+" is ignored: the image has what belongs at "+volume.Target)
		}
		return true
	}
	return false
}

// installed is whether a volume hides what an image has installed outside the
// checkout: Compose's users keep it so between builds.
func (r *reader) installed(v *staging.Service, volume staging.Mount) bool {
	if volume.Target != "/usr/local/bundle" || r.anonymous[volume.Source] {
		return false
	}
	r.ignore([]string{"services", v.Name, "volumes"}, "volume "+volume.Source+" is ignored: the image has what belongs at "+volume.Target)
	return true
}

// trackedFolder is whether Git has something in a folder.
func (r *reader) trackedFolder(p string) bool { return r.isDir(p) && r.tracked(p) }

// folders are those directly below one, hidden ones left out.
func (r *reader) folders(dir string) []string {
	f, err := r.root.Open(dir)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(maxFolders)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			list = append(list, e.Name())
		}
	}
	slices.Sort(list)
	return list
}

// maxFolders bounds how many entries of a folder are looked at.
const maxFolders = 1000
