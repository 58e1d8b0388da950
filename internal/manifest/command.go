package manifest

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// command is what runs without an image: process.command, Compose's own, or
// what the Dockerfile says. A Procfile's comes later and wins over the last
// two.
func (r *reader) command(s types.ServiceConfig, x serviceExtension, v *staging.Service) {
	var img image
	if s.Build != nil {
		img = r.buildSection(s, v)
	}
	v.WorkingDir = r.workingDir(s, img, v)
	for key, value := range img.env {
		if _, ok := v.Environment[key]; !ok {
			v.Environment[key] = value
		}
	}
	if x.Process != nil {
		if b := x.Process.Build; b != nil {
			r.declared[s.Name] = true
			if !staging.Command(*b).Empty() {
				r.stack.Build = append(r.stack.Build, staging.BuildStep{Name: s.Name, Command: staging.Command(*b), Cache: x.Process.Cache})
			}
		}
		if !staging.Command(x.Process.Command).Empty() {
			v.Command = staging.Command(x.Process.Command)
			if _, known := r.codeOf[s.Name]; !known {
				r.codeOf[s.Name] = "."
			}
			return
		}
	}
	if s.Build == nil && !mountsCode(s) {
		return // an image of elsewhere, whose command is its own
	}
	v.Command = r.withEntrypoint(s, img)
}

// withEntrypoint joins entrypoint and command as Docker does. An entrypoint of
// the Dockerfile that is a program of the image alone is left out.
func (r *reader) withEntrypoint(s types.ServiceConfig, img image) staging.Command {
	if len(s.Entrypoint) > 0 {
		return staging.Command{Args: append(slices.Clone([]string(s.Entrypoint)), s.Command...)}
	}
	command := img.command
	if len(s.Command) > 0 {
		command = staging.Command{Args: s.Command}
	}
	entry := img.entrypoint
	switch {
	case entry.Empty():
		return command
	case len(entry.Args) == 0:
		return entry
	case s.Build != nil && !r.ownProgram(s.Build.Context, img, entry.Args[0]) && !command.Empty():
		r.guessed[s.Name] = true
		r.guess([]string{"services", s.Name}, "the Dockerfile's entrypoint "+entry.Args[0]+" is the image's own and left out",
			"say otherwise with x-offshoot.process.command")
		return command
	}
	return staging.Command{Args: append(slices.Clone(entry.Args), command.Args...)}
}

// ownProgram is whether an entrypoint can run here: a file of the repository,
// or a program that any host of such code has.
func (r *reader) ownProgram(context string, img image, program string) bool {
	base := path.Base(program)
	switch {
	case base == "tini" || base == "dumb-init" || base == "gosu" || base == "su-exec":
		return false
	case strings.HasSuffix(base, ".sh") || strings.Contains(program, "entrypoint") || strings.Contains(program, "/"):
		dir, _ := r.relative(context)
		inside, below := strings.CutPrefix(program, img.workdir+"/")
		return (below || !path.IsAbs(program)) && strings.Contains(program, "/") && r.exists(path.Join(dir, inside))
	}
	return true
}

// mountsCode is whether a service sees a folder of the repository, so that its
// command may be a program of ours to run.
func mountsCode(s types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool {
		return m.Type == types.VolumeTypeBind && (s.WorkingDir == m.Target || strings.HasPrefix(s.WorkingDir, strings.TrimSuffix(m.Target, "/")+"/") || m.Target == "/app")
	})
}

// buildSection says where the code of a service is, and reads its Dockerfile.
func (r *reader) buildSection(s types.ServiceConfig, v *staging.Service) image {
	b := s.Build
	v.ImageBuild = &staging.ImageBuild{Name: s.Name, Context: ".", Dockerfile: b.Dockerfile, Target: b.Target, Args: plainValues(b.Args)}
	context, ok := r.buildContext(s)
	if !ok {
		return image{}
	}
	v.ImageBuild.Context = context
	if b.DockerfileInline != "" {
		return parseDockerfile(b.DockerfileInline)
	}
	file := cmp.Or(b.Dockerfile, "Dockerfile")
	if path.IsAbs(file) {
		inside, ok := r.relative(file)
		if !ok {
			r.refuse([]string{"services", s.Name, "build", "dockerfile"}, "the Dockerfile lies outside the repository", "keep it inside")
			return image{}
		}
		return r.dockerfile(inside)
	}
	return r.dockerfile(path.Join(context, file))
}

// codeAt is where the checkout appears.
const codeAt = "/app"

// workingDir is where a command of the service starts: below /app, at the
// folder that Compose or the Dockerfile mean. Where the Dockerfile copies the
// code to another place, it appears there too.
func (r *reader) workingDir(s types.ServiceConfig, img image, v *staging.Service) string {
	wanted := cmp.Or(s.WorkingDir, img.workdir)
	for _, m := range s.Volumes {
		source, ok := r.relative(m.Source)
		if m.Type != types.VolumeTypeBind || wanted == "" || !ok || !r.isDir(source) {
			continue
		}
		if rest, below := under(wanted, m.Target); below {
			r.codeOf[s.Name] = source
			if s.Build != nil {
				r.codeOf[s.Name] = v.ImageBuild.Context
			}
			return path.Join(codeAt, source, rest)
		}
	}
	if s.Build == nil {
		return codeAt
	}
	context := v.ImageBuild.Context
	r.codeOf[s.Name] = context
	at := path.Join(codeAt, context)
	if img.workdir == "" {
		return at
	}
	if img.workdir != "/" && !system(img.workdir) && at != img.workdir {
		v.Mounts = append(v.Mounts, staging.Mount{Kind: staging.MountCheckout, Source: context, Target: img.workdir})
	}
	if rest, below := under(wanted, img.workdir); below && r.isDir(path.Join(context, rest)) {
		return path.Join(at, rest)
	}
	return at
}

// under is the rest of a path below another.
func under(p, dir string) (rest string, ok bool) {
	p, dir = path.Clean(p), path.Clean(dir)
	if p == dir {
		return "", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// systemFolders are the host's programs, which no mount hides. /usr/src holds
// none and is free.
var systemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix", "/proc", "/sys", "/dev"}

func system(target string) bool {
	if _, free := under(target, "/usr/src"); free && path.Clean(target) != "/usr/src" {
		return false
	}
	return slices.ContainsFunc(systemFolders, func(dir string) bool { _, ok := under(target, dir); return ok })
}
