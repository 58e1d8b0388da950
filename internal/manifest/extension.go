package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"offshoot/internal/staging"
)

// duration is written as "15m", or "never" where that is allowed.
type duration time.Duration

func (d *duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s is no duration such as 15m", text)
	}
	if s == "never" {
		*d = -1
		return nil
	}
	days, isDays := strings.CutSuffix(s, "d")
	if isDays {
		s = days + "h"
	}
	v, err := time.ParseDuration(s)
	if isDays {
		v *= 24
	}
	if err != nil || v <= 0 {
		return fmt.Errorf("%s is no duration such as 15m", text)
	}
	*d = duration(v)
	return nil
}

// command is one line for a shell or a list of arguments.
type command staging.Command

func (c *command) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &c.Shell); err == nil {
		// A shell reads the variable itself.
		c.Shell = staging.ExpandLate(c.Shell, func(name string) string { return "${" + name + "}" })
		return nil
	}
	if err := json.Unmarshal(text, &c.Args); err != nil {
		return fmt.Errorf("%s is neither a command nor a list of arguments", text)
	}
	return nil
}

// commands is one command or several.
type commands []command

func (c *commands) UnmarshalJSON(text []byte) error {
	var one command
	if bytes.HasPrefix(text, []byte(`"`)) {
		err := json.Unmarshal(text, &one)
		*c = commands{one}
		return err
	}
	var words []string
	if json.Unmarshal(text, &words) == nil && len(words) > 1 && slices.ContainsFunc(words[1:], func(s string) bool { return strings.HasPrefix(s, "-") }) {
		*c = commands{{Args: words}} // no command begins with a dash: these are arguments
		return nil
	}
	var several []command
	err := json.Unmarshal(text, &several)
	*c = several
	return err
}

// task is a command, or a command with its terms.
type task struct {
	Command   command  `json:"command"`
	Service   string   `json:"service"`
	Timeout   duration `json:"timeout"`
	OnFailure string   `json:"on_failure"`
}

func (t *task) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte("{")) {
		return json.Unmarshal(text, &t.Command)
	}
	type terms task
	if err := json.Unmarshal(text, (*terms)(t)); err != nil {
		return err
	}
	if t.OnFailure != "" && t.OnFailure != "restore" && t.OnFailure != "keep" {
		return fmt.Errorf("on_failure is restore or keep, not %q", t.OnFailure)
	}
	if t.Timeout < 0 {
		return errors.New("a task's timeout is a duration such as 15m")
	}
	if staging.Command(t.Command).Empty() {
		return errors.New("the command is missing")
	}
	return nil
}

func (t *task) stage(name string) staging.Task {
	return staging.Task{Name: name, Service: t.Service, Command: staging.Command(t.Command), Timeout: time.Duration(t.Timeout), KeepOnFailure: t.OnFailure == "keep"}
}

// stackExtension is x-offshoot at the top of the file. The doc tags are what
// docs/compose.md says of each key.
type stackExtension struct {
	Primary    string                      `json:"primary" doc:"the service behind the environment's URL; default: the first with ports"`
	Release    *task                       `json:"release" doc:"runs once a deployment, before services start: a command, or command, service, timeout (15m), on_failure (restore or keep)"`
	Seed       *task                       `json:"seed" doc:"runs once, after release, where the data started empty"`
	Layer      *task                       `json:"layer" doc:"runs on each golden copy before it is verified, with an empty Redis and no service up; a snapshot of one datastore alone has none"`
	Migrations []string                    `json:"migrations" doc:"paths of migrations; default: the usual ones"`
	Lite       []string                    `json:"lite" doc:"the services of a lite environment"`
	Sleep      duration                    `json:"sleep" doc:"how long nobody uses it until it sleeps (30m), or never"`
	Links      map[string]link             `json:"links" doc:"variables that point at other projects"`
	Sizes      map[string]map[string]sizes `json:"sizes" doc:"what small, medium and large change, by service"`
	Hooks      struct {
		AfterCreate   commands `json:"after_create" doc:"one command or a list of several, after the first deployment; a list with an option in it ([sh, -c, …]) is one command's arguments"`
		AfterDeploy   commands `json:"after_deploy" doc:"after each deployment"`
		BeforeDestroy commands `json:"before_destroy" doc:"before it goes, for at most 60 s"`
	} `json:"hooks" doc:"commands that run in the environment as one-off tasks"`
}

// link is a variable that points at another project.
type link struct {
	Project  string `json:"project" doc:"the other project; default: the link's name"`
	Variable string `json:"variable" doc:"default: NAME_URL; NAME_PUBLIC_URL beside it is for browsers, as of the start of the service"`
	Match    string `json:"match" doc:"branch: the environment of the branch of the same name, else shared staging"`
	URL      string `json:"url" doc:"where the other is no Offshoot project"`
}

// sizes are what a size changes of one service.
type sizes struct {
	Replicas *int   `json:"replicas" doc:"0 leaves the service out"`
	Memory   memory `json:"memory" doc:"256M"`
	CPUs     number `json:"cpus" doc:"0.5"`
}

// serviceExtension is x-offshoot of one service.
type serviceExtension struct {
	Process *struct {
		Build   *command `json:"build" doc:"builds the checkout, in its root; default: what its files say"`
		Command command  `json:"command" doc:"what runs; default: the Procfile's, then Compose's"`
		Cache   []string `json:"cache" doc:"paths of the checkout that are kept from build to build"`
	} `json:"process" doc:"how it runs as a process"`
	Health *struct {
		Path    string   `json:"path" doc:"answers with a status below 400; default: the port accepts"`
		Timeout duration `json:"timeout" doc:"how long a start may take; default 60s"`
	} `json:"health" doc:"how it shows that it can serve"`
	Public    *bool    `json:"public" doc:"has a host name of its own; default: whether it has ports"`
	Schedule  string   `json:"schedule" doc:"a cron expression: it runs only then"`
	Enabled   bool     `json:"enabled" doc:"whether the schedule, or what starts jobs by the clock inside the service, holds in branch environments; default false"`
	Clone     *bool    `json:"clone" doc:"false: its volumes start empty, not from the snapshot; of a volume, too"`
	Cores     []string `json:"cores" doc:"the cores of a Solr service"`
	Configset string   `json:"configset" doc:"the folder of their configuration"`
}

// number is written as 0.5 or "0.5".
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	if err != nil || v < 0 || v > 1024 {
		return fmt.Errorf("%s is no number of processors such as 0.5", text)
	}
	*n = number(v)
	return nil
}

// memory is written as 256M.
type memory int64

func (m *memory) UnmarshalJSON(text []byte) error {
	v, err := units.RAMInBytes(string(bytes.Trim(text, `"`)))
	if err != nil || v < 0 {
		return fmt.Errorf("%s is no size such as 256M", text)
	}
	*m = memory(v)
	return nil
}
