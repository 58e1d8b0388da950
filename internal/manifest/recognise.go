package manifest

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// recognise adds build steps by what lies in the folders of the services that
// declare none.
func (r *reader) recognise() {
	seen := map[string]bool{}
	for _, v := range slices.Concat(r.stack.Services, r.stack.OneShots) {
		dir, ok := r.codeOf[v.Name]
		if !ok || seen[dir] || r.declared[v.Name] {
			continue
		}
		if slices.ContainsFunc(r.stack.Services, func(s staging.Service) bool { return r.codeOf[s.Name] == dir && r.declared[s.Name] }) {
			continue // another service of the same folder says how
		}
		seen[dir] = true
		for _, step := range r.recognised(dir) {
			r.stack.Build = append(r.stack.Build, step)
			r.guessed[v.Name] = true
			r.note(staging.NoteGuessed, v.File, v.Line, buildKey(v.Name), builtBy+step.Command.Shell,
				"say otherwise with x-offshoot.process.build; it runs in the repository's root")
		}
	}
}

// builtBy begins the note of a step that was guessed.
const builtBy = "built by: "

func buildKey(service string) string { return "services." + service + ".x-offshoot.process.build" }

// recognised says how a folder's code is built, by what lies in it.
func (r *reader) recognised(dir string) []staging.BuildStep {
	has := func(name string) bool { return r.exists(path.Join(dir, name)) }
	var steps []staging.BuildStep
	add := func(name, command string, cache ...string) {
		if dir != "." {
			command = "cd '" + strings.ReplaceAll(dir, "'", `'\''`) + "' && " + command
		}
		for i := range cache {
			cache[i] = path.Join(dir, cache[i])
		}
		steps = append(steps, staging.BuildStep{Name: name, Command: staging.Command{Shell: command}, Cache: cache, Guessed: true})
	}
	run := "npm run"
	switch {
	case has("package-lock.json") || has("npm-shrinkwrap.json"):
		add("npm", "npm ci --no-audit --no-fund", "node_modules")
	case has("yarn.lock"):
		run = "yarn run"
		add("yarn", "yarn install --frozen-lockfile", "node_modules")
	case has("pnpm-lock.yaml"):
		run = "pnpm run"
		add("pnpm", "pnpm install --frozen-lockfile", "node_modules")
	case has("package.json"):
		add("npm", "npm install --no-audit --no-fund", "node_modules")
	}
	if has("package.json") && r.hasScript(path.Join(dir, "package.json"), "build") {
		add(run+" build", run+" build")
	}
	switch {
	case has("requirements.txt"):
		add("pip", "python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt", ".venv")
	case has("pyproject.toml"):
		add("pip", "python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check .", ".venv")
	}
	if has("Gemfile") {
		add("bundle", "bundle config set --local path vendor/bundle && bundle install", "vendor/bundle")
	}
	if has("go.mod") {
		add("go", "mkdir -p bin && go build -o bin/ ./...")
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
