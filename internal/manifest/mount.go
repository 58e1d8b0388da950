package manifest

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// relative is an absolute path as one of the checkout; ok is whether it lies
// inside.
func (r *reader) relative(p string) (inside string, ok bool) {
	if p == "" {
		return "", false
	}
	if at, ok := r.joined(p); ok {
		return at, true
	}
	if strings.Contains(p, "://") {
		return "", false
	}
	if !filepath.IsAbs(p) {
		return path.Clean(p), !outside(p)
	}
	if rest, ok := under(p, pwd); ok {
		return path.Clean(rest), true
	}
	rel, err := filepath.Rel(r.dir, p)
	if err != nil || outside(rel) {
		return "", false
	}
	return rel, true
}

// joined is the folder of the checkout where what lies beside the repository, or at
// a Git address, is joined to it; ok is whether it is.
func (r *reader) joined(p string) (folder string, ok bool) {
	if rel, err := filepath.Rel(r.dir, p); filepath.IsAbs(p) && err == nil {
		p = rel
	}
	for _, j := range r.o.Joined {
		if at, ok := j.At(p); ok {
			return at, true
		}
	}
	return "", false
}

func (r *reader) isDir(p string) bool {
	info, err := r.root.Stat(p)
	return err == nil && info.IsDir()
}

// mounts are tmpfs and volumes of a service. A path that Git tracks is the
// checkout's own; one that it does not is a volume of the environment.
func (r *reader) mounts(s types.ServiceConfig, x serviceExtension, clones map[string]*bool, v *staging.Service) {
	for _, t := range s.Tmpfs {
		target, options, _ := strings.Cut(t, ":")
		if m, why := r.way.mount(r, v, staging.Mount{Kind: staging.MountTmpfs, Target: path.Clean(target), Options: r.tmpfsOptions(s, options)}); why == "" {
			v.Mounts = append(v.Mounts, m)
		}
	}
	at := []string{"services", s.Name, "volumes"}
	for i, m := range s.Volumes {
		file, line, written := r.item(at, m.Target)
		key := strings.Join(append(slices.Clone(at), strconv.Itoa(i)), ".")
		refuse := func(message, hint string) { r.note(staging.NoteRefused, file, line, key, message, hint) }
		mount := staging.Mount{Target: path.Clean(m.Target), ReadOnly: m.ReadOnly}
		if !path.IsAbs(m.Target) {
			refuse("the target "+m.Target+" is no absolute path", "write SOURCE:/TARGET")
			continue
		}
		switch m.Type {
		case types.VolumeTypeTmpfs:
			mount.Kind, mount.Options = staging.MountTmpfs, tmpfsSize(m.Tmpfs)
		case types.VolumeTypeVolume:
			mount.Kind, mount.Source, mount.Fill = staging.MountVolume, m.Source, m.Volume == nil || !m.Volume.NoCopy
		case types.VolumeTypeBind:
			source, ok := r.relative(m.Source)
			switch {
			case idleFiles[path.Clean(m.Source)] != "":
				r.note(staging.NoteIgnored, file, line, key, "mount "+written+" is ignored: "+idleFiles[path.Clean(m.Source)], "")
				continue
			case !ok:
				refuse(notAllowed(written))
				continue
			case r.tracked(source):
				mount.Kind, mount.Source = staging.MountCheckout, source
			default:
				mount.Kind, mount.Source, mount.Fill = staging.MountVolume, "path-"+strings.Trim(strings.Map(plainRune, source), "-"), true
			}
		default:
			refuse("mounts of type "+m.Type+" are not supported", "use a named volume")
			continue
		}
		mount, why := r.way.mount(r, v, mount)
		if why != "" {
			r.note(staging.NoteIgnored, file, line, key, "mount at "+m.Target+" is ignored: "+why, "")
		}
		if mount.Kind == "" {
			continue
		}
		v.Mounts = append(v.Mounts, mount)
		if mount.Kind == staging.MountVolume {
			clone := x.Clone
			if c, ok := clones[m.Source]; ok && c != nil {
				clone = c
			}
			r.volume(mount.Source, clone == nil || *clone)
		}
	}
}

// dataMounts says what becomes of paths that a data server mounts: the server
// is Offshoot's and gets none of them. A named volume is its data, which is the
// environment's own anyway.
func (r *reader) dataMounts(s types.ServiceConfig) {
	at := []string{"services", s.Name, "volumes"}
	for i, m := range s.Volumes {
		if m.Type != types.VolumeTypeBind {
			continue
		}
		file, line, written := r.item(at, m.Target)
		note := func(kind staging.NoteKind, message, hint string) {
			r.note(kind, file, line, strings.Join(append(slices.Clone(at), strconv.Itoa(i)), "."), message, hint)
		}
		source, inside := r.relative(m.Source)
		switch {
		case !inside:
			message, hint := notAllowed(written)
			note(staging.NoteRefused, message, hint)
		case isInit(m.Target) && r.tracked(source):
		default:
			note(staging.NoteIgnored, "mount at "+m.Target+" is ignored: the server of "+s.Name+" is Offshoot's, its data the environment's own", "")
		}
	}
}

// idleFiles are files of the host that are mounted by habit, and why nothing is
// lost without them.
var idleFiles = map[string]string{
	"/etc/localtime": "the time zone is not the host's; set TZ", "/etc/timezone": "the time zone is not the host's; set TZ",
	"/dev/null": "it is empty",
}

// notAllowed is why a path of the host cannot be mounted.
func notAllowed(written string) (message, hint string) {
	message = "mount " + written + " is not allowed: "
	if strings.Contains(written, ".sock") {
		return message + "sockets of the host", "remove it"
	}
	hint = "use a named volume, or a path of the repository"
	if names := slices.Sorted(maps.Keys(mentions(written))); len(names) > 0 {
		hint = "give the variable a path of the repository: offshoot project env set " + names[0] + "=./data"
	}
	return message + "outside the repository", hint
}

// volume remembers one; where several services share it, one that wants its
// content cloned is enough.
func (r *reader) volume(name string, clone bool) {
	i := slices.IndexFunc(r.stack.Volumes, func(v staging.Volume) bool { return v.Name == name })
	if i < 0 {
		r.stack.Volumes = append(r.stack.Volumes, staging.Volume{Name: name, Clone: clone})
		return
	}
	r.stack.Volumes[i].Clone = r.stack.Volumes[i].Clone || clone
}

// unusedVolumes takes out what no service mounts any more.
func (r *reader) unusedVolumes() {
	used := map[string]bool{}
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		for _, m := range v.Mounts {
			used[m.Source] = used[m.Source] || m.Kind == staging.MountVolume
		}
	}
	r.stack.Volumes = slices.DeleteFunc(r.stack.Volumes, func(v staging.Volume) bool { return !used[v.Name] })
}

func plainRune(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
		return c
	}
	return '-'
}

func (r *reader) tracked(p string) bool {
	p = path.Clean(p)
	if p == "." {
		return true
	}
	if r.o.Tracked != nil {
		return r.o.Tracked(p)
	}
	_, err := r.root.Stat(p)
	return err == nil
}
