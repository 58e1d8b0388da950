package manifest

import (
	"encoding/json"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/mattn/go-shellwords"

	"offshoot/internal/staging"
)

// image is what a Dockerfile's last stage says of how its image runs.
type image struct {
	entrypoint, command staging.Command
	workdir             string
	port                int
	env                 map[string]string
}

var continued = regexp.MustCompile(`\\[ \t]*\r?\n`)

// dockerfile reads a Dockerfile of the repository; one that is absent says
// nothing.
func (r *reader) dockerfile(file string) image {
	if outside(file) {
		return image{}
	}
	text, err := r.readFile(file)
	if err != nil {
		return image{}
	}
	return parseDockerfile(string(text))
}

func parseDockerfile(text string) image {
	stages := map[string]image{}
	stage, name := image{}, ""
	for line := range strings.Lines(continued.ReplaceAllString(text, " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		switch strings.ToUpper(word) {
		case "FROM":
			stages[name] = stage
			fields := strings.Fields(rest)
			stage, name = image{}, ""
			if len(fields) > 0 {
				stage = stages[strings.ToLower(fields[0])] // zero for an image of elsewhere
			}
			if len(fields) > 2 && strings.EqualFold(fields[1], "as") {
				name = strings.ToLower(fields[2])
			}
			stage.env = cloneEnv(stage.env)
		case "ENTRYPOINT":
			stage.entrypoint = dockerCommand(rest)
		case "CMD":
			stage.command = dockerCommand(rest)
		case "WORKDIR":
			if !strings.Contains(rest, "$") {
				stage.workdir = path.Join("/", stage.workdir, strings.Trim(rest, `"`))
				if path.IsAbs(rest) {
					stage.workdir = path.Clean(rest)
				}
			}
		case "EXPOSE":
			number, _, _ := strings.Cut(rest, "/")
			number, _, _ = strings.Cut(number, " ")
			if n, err := strconv.Atoi(number); err == nil && n > 0 && n < 65536 && stage.port == 0 {
				stage.port = n
			}
		case "ENV":
			dockerEnv(stage.env, rest)
		}
	}
	return stage
}

func cloneEnv(m map[string]string) map[string]string {
	c := map[string]string{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

// dockerCommand is a list of arguments, or a line for a shell.
func dockerCommand(text string) staging.Command {
	c := staging.Command{Shell: text}
	if json.Unmarshal([]byte(text), &c.Args) == nil {
		c.Shell = ""
	}
	return c
}

// dockerEnv reads K=V pairs, or one "K V". Values made of other variables, and
// what Offshoot or the image's own system decides, are left out.
func dockerEnv(env map[string]string, text string) {
	if env == nil {
		return
	}
	set := func(key, value string) {
		if key != "" && !strings.Contains(value, "$") && key != "PATH" && key != "HOME" && !strings.HasPrefix(value, "/usr/") {
			env[key] = value
		}
	}
	if key, value, ok := strings.Cut(text, " "); ok && !strings.Contains(key, "=") {
		set(key, strings.TrimSpace(value))
		return
	}
	words, err := shellwords.Parse(text)
	if err != nil {
		return
	}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		set(key, value)
	}
}
