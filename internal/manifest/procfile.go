package manifest

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// process is one line of a Procfile.
type process struct {
	name, command string
	line          int
}

var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(\S.*)$`)

// parseProcfile reads NAME: COMMAND lines; bad are the lines that are none.
func parseProcfile(text string) (list []process, bad []int) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := procfileLine.FindStringSubmatch(line)
		if m == nil || slices.ContainsFunc(list, func(p process) bool { return p.name == m[1] }) {
			bad = append(bad, n)
			continue
		}
		list = append(list, process{m[1], m[2], n})
	}
	return list, bad
}

// procfile reads the Procfile, where there is one.
func (r *reader) procfile() []process {
	text, err := r.readFile("Procfile")
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.note(staging.NoteRefused, "Procfile", 0, "", unreadable("Procfile", err), "keep it in the repository, as text")
		}
		return nil
	}
	list, bad := parseProcfile(string(text))
	for _, n := range bad {
		r.note(staging.NoteRefused, "Procfile", n, "", "the line is not NAME: COMMAND with a name of its own", "write NAME: COMMAND")
	}
	return list
}

// procfileServices gives services their process command. A name that Compose
// lacks becomes a service only where Compose builds nothing of the repository.
func (r *reader) procfileServices(list []process, compose bool) {
	if len(list) == 0 {
		return
	}
	r.stack.Sources = append(r.stack.Sources, "Procfile")
	builds := r.builds()
	for _, p := range list {
		command := staging.Command{Shell: p.command}
		at := slices.IndexFunc(r.stack.Services, func(s staging.Service) bool { return s.Name == p.name })
		_, data := r.stack.Datastore(p.name)
		once := slices.IndexFunc(r.stack.OneShots, func(s staging.Service) bool { return s.Name == p.name })
		switch {
		case p.name == "release" && r.releaseDeclared:
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, "x-offshoot.release is the release task", "")
		case p.name == "release":
			r.stack.Release = append(r.stack.Release, staging.Task{Name: "release", Command: command})
		case (at >= 0 || once >= 0) && r.processCommand[p.name]:
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, "x-offshoot.process.command of "+p.name+" comes first", "")
		case at >= 0:
			r.stack.Services[at].Command, r.stack.Services[at].Once = command, false
			if _, known := r.codeOf[p.name]; !known {
				r.codeOf[p.name] = "."
			}
		case once >= 0:
			r.stack.OneShots[once].Command = command
			for i := range r.stack.Release {
				if r.stack.Release[i].Name == p.name && r.stack.Release[i].Service == p.name {
					r.stack.Release[i].Command = command
				}
			}
		case slices.ContainsFunc(r.stack.Mail, func(m staging.MailService) bool { return m.Name == p.name }):
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, p.name+" does not run: mail is caught", "")
		case !compose && slices.Contains(mailCatchers, p.name):
			r.stack.Mail = append(r.stack.Mail, staging.MailService{Name: p.name, File: "Procfile", Line: p.line})
			r.caught("Procfile", p.line, p.name, p.name)
		case data:
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, p.name+" is a datastore", "")
		case compose && builds:
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, "the Compose file has no service "+p.name, "name a service so, or remove the line")
		default:
			s := staging.Service{Name: p.name, Command: command, Replicas: 1, File: "Procfile", Line: p.line, WorkingDir: codeAt, Environment: map[string]string{}}
			r.codeOf[p.name] = "."
			if p.name == "web" {
				s.Ports, s.Public = []staging.Port{{Target: webPort}}, true
			}
			r.stack.Services = append(r.stack.Services, s)
		}
	}
}

// builds is whether something of the stack is built from the repository.
func (r *reader) builds() bool {
	return slices.ContainsFunc(slices.Concat(r.stack.Services, r.stack.OneShots), func(s staging.Service) bool { return s.ImageBuild != nil })
}

// webPort stands for the port of a web process that nobody numbers: it is told
// by PORT where to listen.
const webPort = 3000

// dockerfileAlone is the one service of a repository that has but a
// Dockerfile.
func (r *reader) dockerfileAlone() {
	r.stack.Sources = []string{"Dockerfile"}
	img := r.dockerfile("Dockerfile")
	s := staging.Service{Name: "web", Replicas: 1, Public: true, File: "Dockerfile", Line: 1, Ports: []staging.Port{{Target: webPort}}, Environment: map[string]string{}}
	if img.port != 0 {
		s.Ports[0].Target = img.port
	}
	r.way.service(r, &types.Project{}, types.ServiceConfig{Name: "web", WorkloadSpec: types.WorkloadSpec{Build: &types.BuildConfig{Context: r.dir}}}, serviceExtension{}, &s)
	r.stack.Services = []staging.Service{s}
	r.guessed["web"] = true
	r.note(staging.NoteGuessed, "Dockerfile", 1, "services.web", "a Dockerfile alone is one service", "add a compose.yaml to say more")
}
