package docker

import (
	"regexp"
	"strings"

	"offshoot/internal/staging"
)

// unfitting are words with which engines refuse what a stack asks of a container,
// and what to do (20.10 to 28, runc 1.1).
var unfitting = []struct {
	words *regexp.Regexp
	hint  string
}{
	{regexp.MustCompile(`error setting rlimit`), "the engine's host gives no more: lower the service's ulimits, or let its engine give more (LimitMEMLOCK, LimitNOFILE of its unit)"},
	{regexp.MustCompile(`(?i)unable to find (user|group)|no matching entries in`), "name one that its image has, or write a number: user, group_add"},
	{regexp.MustCompile(`/proc/sys/`), "the engine's kernel has no such parameter, or not such a value: sysctls"},
	{regexp.MustCompile(`mount(ing)? "?tmpfs`), "the kernel does not take the options: tmpfs"},
	{regexp.MustCompile(`(?i)memory limit`), "give it more: deploy.resources.limits.memory, or mem_limit"},
	{regexp.MustCompile(`(?i)invalid signal`), "name one of signal(7): stop_signal"},
	{regexp.MustCompile(`(?i)unknown capability`), "name one of capabilities(7): cap_drop"},
	{regexp.MustCompile(`Cannot mkdir`), "a file of the image is there: working_dir"},
}

// runtimeWords are what an engine says before and behind what is the matter.
var runtimeWords = regexp.MustCompile(`Error response from daemon: |failed to create shim task: |OCI runtime create failed: |runc create failed: |unable to start container process: |error during container init: |: unknown$`)

// noRoom is how an engine says that its disk is full.
var noRoom = regexp.MustCompile(`no space left on device|disk quota exceeded`)

// unfit tells what a stack asks and its engine cannot give, and a disk that is
// full, from an engine that is at fault. err is what it answered when it was to
// make or start a container.
func (d *Driver) unfit(service string, err error) error {
	if err == nil || staging.CodeOf(err) != staging.CodeInternal {
		return err
	}
	text := err.Error()
	if noRoom.MatchString(text) {
		return unfitError(staging.ClassCapacity, service, "the disk of the Docker engine at "+d.host+" is full: service "+service+" cannot be started",
			"free some of it: `docker system df`, `docker builder prune`, `docker image prune`", err)
	}
	for _, u := range unfitting {
		if !u.words.MatchString(text) {
			continue
		}
		if _, words, ok := strings.Cut(text, "Error response from daemon: "); ok {
			text = words
		}
		return unfitError(staging.ClassStart, service, "service "+service+" cannot be started: "+runtimeWords.ReplaceAllString(text, ""), u.hint, err)
	}
	return err
}

func unfitError(class staging.Class, service, message, hint string, err error) error {
	return &staging.Error{Code: staging.ClassCode(class), Message: message, Hint: hint, Err: err,
		Failure: &staging.Failure{Class: class, Step: staging.StepStart, Service: service, Message: message, Hint: hint}}
}
