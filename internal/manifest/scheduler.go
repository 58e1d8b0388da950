package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"offshoot/internal/staging"
)

// Schedulers inside services start jobs by the clock, as crons do: they are
// recognised by what is run, by the image, or by how the service is called.
var (
	// schedulerPrograms do nothing but that, as programs or as images.
	schedulerPrograms = []string{"crond", "supercronic", "ofelia", "chadburn", "go-crond", "yacron", "clockwork", "clockworkd", "rqscheduler", "periodiq", "celerybeat",
		"celery-beat", "start-celerybeat"}
	// schedulerFiles are how a team calls a program of its own that does.
	schedulerFiles = []string{"clock", "cron", "scheduler", "celerybeat"}
	// schedulerNames are how services are called that are such a program.
	schedulerNames = []string{"clock", "cron", "crond", "crons", "scheduler", "node-cron", "celerybeat", "celery-beat", "celery_beat"}
	// around are programs around another one, which a shell or a tool starts.
	around = []string{"exec", "env", "sh", "bash", "-c", "-lc", "bundle", "poetry", "uv", "pipenv", "run", "rye", "npx", "npm", "yarn", "python", "python3", "ruby", "node", "tini", "dumb-init",
		"--", "while", "do", "then", "if", "true", "nohup", "sudo", "-m", "-u", "nice", "busybox", "rails", "runner"}
	// beside are programs that serve a scheduler and do no work of their own.
	beside = []string{"tail", "sleep", "echo", "touch", "chmod", "chown", "mkdir", "crontab", "export", "set", "cd", "done", "fi", "printenv", "cat", "rm", "wait", "service", "true", "cp", "[", "test", ":"}
	// commandEnds are between two commands of a shell's line.
	commandEnds = regexp.MustCompile(`&&|\|\||[;|&\n]`)
)

// schedulers says of each service whether it starts jobs by the clock.
func (r *reader) schedulers() {
	for i := range r.stack.Services {
		v := &r.stack.Services[i]
		if v.Schedule != "" {
			continue
		}
		what, only := r.schedulerOf(*v)
		if what == "" {
			continue
		}
		// What people reach is wanted for more than its clock.
		v.Scheduler, v.OnlySchedules = what, only && len(v.Ports) == 0
		switch {
		case v.ScheduleEnabled:
		case v.OnlySchedules:
			r.note(staging.NoteGuessed, v.File, v.Line, "services."+v.Name, v.Name+" starts jobs by the clock ("+what+"): it does not run in branch environments",
				"x-offshoot: {enabled: true} lets it run there, offshoot scale ENV "+v.Name+"=1 in one of them")
		default:
			r.note(staging.NoteGuessed, v.File, v.Line, "services."+v.Name, v.Name+" starts jobs by the clock too ("+what+"): in branch environments it is told OFFSHOOT_CRONS=off",
				"let it ask for that, run its scheduler as a service of its own, or say x-offshoot: {enabled: true}")
		}
	}
}

// schedulerOf is what starts jobs in a service, and whether it does nothing else.
func (r *reader) schedulerOf(v staging.Service) (what string, only bool) {
	text := v.Command.Shell
	if v.Command.Empty() || v.Command.Shell == "" && slices.Equal(v.Command.Args, v.ImageCommand) {
		text = strings.Join(append(slices.Clone(v.Container.Entrypoint), v.ImageCommand...), " ")
	} else if text == "" {
		text = strings.Join(v.Command.Args, " ")
	}
	only = true
	for _, command := range commandEnds.Split(text, -1) {
		words := strings.FieldsFunc(command, func(c rune) bool { return strings.ContainsRune(" \t\r\"'(){}`", c) })
		found, alone, neutral := r.scheduling(v, words)
		if found != "" {
			what = found
		}
		only = only && (alone || neutral)
	}
	if what != "" {
		return what, only
	}
	image, _, _ := strings.Cut(path.Base(v.Image), "@")
	image, _, _ = strings.Cut(image, ":")
	switch {
	case v.ImageBuild == nil && slices.Contains(schedulerPrograms, image):
		return image, true
	case len(v.Ports) == 0 && slices.Contains(schedulerNames, strings.ToLower(v.Name)):
		return "by its name", true
	}
	return "", false
}

// scheduling says of one command whether it starts jobs, whether it does
// nothing else, and whether it does no work at all.
func (r *reader) scheduling(v staging.Service, words []string) (what string, alone, neutral bool) {
	for len(words) > 0 && (slices.Contains(around, path.Base(words[0])) || strings.Contains(words[0], "=")) {
		words = words[1:]
	}
	if len(words) == 0 {
		return "", false, true
	}
	program, rest := path.Base(words[0]), words[1:]
	stem := strings.TrimSuffix(program, path.Ext(program))
	has := func(words ...string) bool {
		return slices.ContainsFunc(rest, func(w string) bool { return slices.Contains(words, w) })
	}
	switch {
	case program == "celery" && has("worker"):
		if has("-B", "--beat") {
			return "celery worker -B", false, false
		}
	case program == "celery" && has("beat"):
		return "celery beat", true, false
	case program == "cron" && (len(rest) == 0 || has("-f", "-L", "-l")) || program == "service" && has("cron"):
		return "cron", true, false
	case program == "whenever" && has("-w", "--write-crontab", "-i", "--update-crontab"):
		return "whenever", true, false
	case has("artisan") || program == "artisan" || program == "php":
		if has("schedule:work", "schedule:run") {
			return "artisan schedule", true, false
		}
	case program == "sidekiq":
		for _, gem := range []string{"sidekiq-cron", "sidekiq-scheduler"} {
			if r.gem(v, gem) {
				return gem, false, false
			}
		}
	case slices.Contains(schedulerPrograms, program):
		return program, true, false
	case strings.HasPrefix(program, "rufus"):
		return "rufus", true, false
	case slices.Contains(schedulerFiles, stem):
		return words[0], true, false
	}
	return "", false, slices.Contains(beside, program)
}

// gem is whether the code of a service has a gem in its bundle.
func (r *reader) gem(v staging.Service, name string) bool {
	dir, ok := r.codeOf[v.Name]
	if !ok {
		return false
	}
	for _, file := range []string{"Gemfile.lock", "Gemfile"} {
		if text, err := r.readFile(path.Join(dir, file)); err == nil && strings.Contains(string(text), name) {
			return true
		}
	}
	return false
}
