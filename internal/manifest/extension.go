package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

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

// stackExtension is x-offshoot at the top of the file.
type stackExtension struct {
	Primary    string                      `json:"primary"`
	Release    *task                       `json:"release"`
	Seed       *task                       `json:"seed"`
	Layer      *task                       `json:"layer"`
	Migrations []string                    `json:"migrations"`
	Lite       []string                    `json:"lite"`
	Sleep      duration                    `json:"sleep"`
	Links      map[string]link             `json:"links"`
	Sizes      map[string]map[string]sizes `json:"sizes"`
	Hooks      struct {
		AfterCreate   commands `json:"after_create"`
		AfterDeploy   commands `json:"after_deploy"`
		BeforeDestroy commands `json:"before_destroy"`
	} `json:"hooks"`
}

// link is a variable that points at another project.
type link struct {
	Project  string `json:"project"`
	Variable string `json:"variable"`
	Match    string `json:"match"`
	URL      string `json:"url"`
}

// sizes are what a size changes of one service.
type sizes struct {
	Replicas *int    `json:"replicas"`
	Memory   bytes64 `json:"memory"`
	CPUs     number  `json:"cpus"`
}

// serviceExtension is x-offshoot of one service.
type serviceExtension struct {
	Process *struct {
		Build   *command `json:"build"`
		Command command  `json:"command"`
		Cache   []string `json:"cache"`
	} `json:"process"`
	Health *struct {
		Path    string   `json:"path"`
		Timeout duration `json:"timeout"`
	} `json:"health"`
	Public    *bool    `json:"public"`
	Schedule  string   `json:"schedule"`
	Enabled   bool     `json:"enabled"`
	Clone     *bool    `json:"clone"`
	Cores     []string `json:"cores"`
	Configset string   `json:"configset"`
}

// number is written as 0.5 or "0.5".
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	*n = number(v)
	return err
}

// bytes64 is written as 256M.
type bytes64 int64

func (b *bytes64) UnmarshalJSON(text []byte) error {
	s := string(bytes.ToUpper(bytes.TrimSuffix(bytes.Trim(text, `"`), []byte("b"))))
	shift := 0
	for suffix, bits := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if n := len(s); n > 0 && s[n-1:] == suffix {
			s, shift = s[:n-1], bits
		}
	}
	v, err := strconv.ParseInt(s, 10, 40)
	if err != nil {
		return fmt.Errorf("%s is no size such as 256M", text)
	}
	*b = bytes64(v << shift)
	return nil
}
