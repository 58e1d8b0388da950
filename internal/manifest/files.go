package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"offshoot/internal/staging"
)

// parseEnv reads KEY=value lines as Compose does; ${NAME} is looked up in them
// and in values alone.
func parseEnv(text []byte, values map[string]string) (map[string]string, error) {
	return dotenv.ParseWithLookup(bytes.NewReader(text), func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	})
}

// process is one line of a Procfile.
type process struct {
	name, command string
	line          int
}

var procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.+)$`)

func (r *reader) procfile() ([]process, error) {
	text, err := r.readFile("Procfile")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Procfile: %w", err)
	}
	var list []process
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := procfileLine.FindStringSubmatch(line)
		if m == nil {
			r.note(staging.NoteRefused, "Procfile", n, "", "the line is not NAME: COMMAND", "write NAME: COMMAND")
			continue
		}
		list = append(list, process{m[1], m[2], n})
	}
	return list, lines.Err()
}

// procfileServices gives services their process command. A name that Compose
// lacks becomes a service only where Compose builds nothing of the repository.
func (r *reader) procfileServices(list []process, compose bool) {
	builds := slices.ContainsFunc(r.stack.Services, func(s staging.Service) bool { return s.ImageBuild != nil })
	for _, p := range list {
		command := staging.Command{Shell: p.command}
		at := slices.IndexFunc(r.stack.Services, func(s staging.Service) bool { return s.Name == p.name })
		switch {
		case p.name == "release":
			if len(r.stack.Release) == 0 {
				r.stack.Release = []staging.Task{{Name: "release", Command: command}}
			}
		case at >= 0:
			r.stack.Services[at].Command = command
		case compose && builds:
			r.note(staging.NoteIgnored, "Procfile", p.line, p.name, "the Compose file has no service "+p.name, "name a service so, or remove the line")
		default:
			s := staging.Service{Name: p.name, Command: command, Replicas: 1, File: "Procfile", Line: p.line}
			if p.name == "web" {
				s.Ports, s.Public = []staging.Port{{Target: 3000, Protocol: "tcp"}}, true
			}
			r.stack.Services = append(r.stack.Services, s)
		}
	}
	if len(list) > 0 && !slices.Contains(r.stack.Sources, "Procfile") {
		r.stack.Sources = append(r.stack.Sources, "Procfile")
	}
}

func (r *reader) dockerfileService(name, file string) staging.Service {
	s := staging.Service{Name: name, Replicas: 1, ImageBuild: &staging.ImageBuild{Context: "."}, Command: r.dockerfileCommand(file),
		Public: true, File: file, Line: 1, Ports: []staging.Port{{Target: 3000, Protocol: "tcp"}}}
	r.stack.Sources = []string{file}
	return s
}

// dockerfileCommand is the last ENTRYPOINT and CMD of a Dockerfile.
func (r *reader) dockerfileCommand(file string) staging.Command {
	text, err := r.readFile(file)
	if err != nil {
		return staging.Command{}
	}
	var entry, cmd staging.Command
	joined := regexp.MustCompile(`\\\r?\n`).ReplaceAllString(string(text), " ")
	for line := range strings.Lines(joined) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		c := staging.Command{Shell: strings.TrimSpace(rest)}
		if json.Unmarshal([]byte(c.Shell), &c.Args) == nil {
			c.Shell = ""
		}
		switch strings.ToUpper(word) {
		case "FROM":
			entry, cmd = staging.Command{}, staging.Command{}
		case "ENTRYPOINT":
			entry = c
		case "CMD":
			cmd = c
		}
	}
	if entry.Empty() {
		return cmd
	}
	if len(entry.Args) > 0 {
		return staging.Command{Args: append(entry.Args, cmd.Args...)}
	}
	return entry
}

// recognised says how a folder's code is built, by what lies in it.
func (r *reader) recognised(dir string) []staging.BuildStep {
	has := func(name string) bool { return r.exists(path.Join(dir, name)) }
	in := func(name, command string, cache ...string) staging.BuildStep {
		if dir != "." && dir != "" {
			command = "cd '" + strings.ReplaceAll(dir, "'", `'\''`) + "' && " + command
		}
		return staging.BuildStep{Name: name, Command: staging.Command{Shell: command}, Cache: cache, Guessed: true}
	}
	var steps []staging.BuildStep
	switch {
	case has("package-lock.json"):
		steps = append(steps, in("npm", "npm ci --no-audit --no-fund", "node_modules"))
	case has("yarn.lock"):
		steps = append(steps, in("yarn", "yarn install --frozen-lockfile", "node_modules"))
	case has("pnpm-lock.yaml"):
		steps = append(steps, in("pnpm", "pnpm install --frozen-lockfile", "node_modules"))
	case has("package.json"):
		steps = append(steps, in("npm", "npm install --no-audit --no-fund", "node_modules"))
	}
	if len(steps) > 0 && r.hasScript(path.Join(dir, "package.json"), "build") {
		steps = append(steps, in("npm run build", "npm run build"))
	}
	switch {
	case has("requirements.txt"):
		steps = append(steps, in("pip", "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt", ".venv"))
	case has("pyproject.toml"):
		steps = append(steps, in("pip", "python3 -m venv .venv && .venv/bin/pip install --quiet .", ".venv"))
	}
	if has("Gemfile") {
		steps = append(steps, in("bundle", "bundle config set --local path vendor/bundle && bundle install", "vendor/bundle"))
	}
	if has("go.mod") {
		steps = append(steps, in("go", "mkdir -p bin && go build -o bin/ ./..."))
	}
	return steps
}

func (r *reader) hasScript(file, name string) bool {
	text, err := r.readFile(file)
	var doc struct {
		Scripts map[string]string `json:"scripts"`
	}
	return err == nil && json.Unmarshal(text, &doc) == nil && doc.Scripts[name] != ""
}
