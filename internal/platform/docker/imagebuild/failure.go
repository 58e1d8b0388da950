package imagebuild

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"offshoot/internal/staging"
)

// reason is what words of an engine or a registry mean to people.
type reason struct {
	words *regexp.Regexp
	class staging.Class
	// what follows the name of the image that is meant, where image is set.
	what  string
	hint  string
	image bool
}

const registryHint = "`offshoot project credential set registry`"

// reasons are tried in this order: later ones are more general. The words are
// those of engines 20.10 to 29, containerd and registries of
// https://distribution.github.io/distribution/spec/api/#errors.
var reasons = []reason{
	{regexp.MustCompile(`no space left on device|disk quota exceeded`), staging.ClassPlatform,
		"the engine's disk is full", "free some of it: `docker system df`, `docker builder prune`, `docker image prune`", false},
	{regexp.MustCompile(`(?i)network\.host|security\.insecure|entitlement|unknown flag: (network|security|device)|device .* is not allowed`), staging.ClassPolicy,
		"a build gets neither the host's network nor its devices nor more rights", "leave --network, --security and --device out of the Dockerfile's RUN", false},
	{regexp.MustCompile(`(?i)toomanyrequests|too many requests|rate limit|\b429\b`), staging.ClassBuild,
		"is not given out now: its registry limits how often it is asked", "wait, or sign in, which raises the limit: " + registryHint, true},
	{regexp.MustCompile(`(?i)no match for platform|no matching manifest|does not match the (specified|expected) platform|exec format error`), staging.ClassBuild,
		"is not for this machine's architecture", "use one that is built for it", true},
	{regexp.MustCompile(`(?i)pull access denied|insufficient_scope|authorization failed|unauthorized|authentication required|no basic auth|access forbidden|\b40[13]\b|denied:`), staging.ClassBuild,
		"is private or does not exist", "check its name, or sign in: " + registryHint, true},
	{regexp.MustCompile(`(?i)manifest unknown|manifest for .* not found|name unknown|repository .* not found|\b404\b|: not found$|not found: not found|no such image`), staging.ClassBuild,
		"does not exist (any more)", "check its name and tag", true},
	{regexp.MustCompile(`(?i)no such host|connection refused|proxyconnect|i/o timeout|handshake timeout|network is unreachable|server misbehaving|deadline exceeded|connection reset|failed to do request|\b50[0234]\b`), staging.ClassBuild,
		"cannot be fetched: its registry is not reached", "check the engine's network, proxy and DNS, then deploy again", true},
}

var (
	exitCode = regexp.MustCompile(`exit code: (\d+)`)
	// metadata is the step that asks a registry for a base image.
	metadata = regexp.MustCompile(`(?:load metadata for|resolve image config for(?: docker-image://)?|FROM) (\S+)`)
	pulls    = regexp.MustCompile(`^\[internal\] load metadata|^resolve image config|^docker-image://|\] FROM |^importing cache`)
	number   = regexp.MustCompile(`^\[(?:[^\]]* )?\d+/\d+\] `)
)

// explain turns what a build ended with into what people are told. d and frontend
// are its Dockerfile's path and the image that reads it.
func explain(err error, build staging.ImageBuild, d dockerfile, frontend string, limit time.Duration, p *progress) error {
	var own *staging.Error
	if errors.As(err, &own) {
		return own
	}
	var gone *lost
	switch {
	case errors.Is(err, errTimeout):
		return failed(staging.ClassTimeout, build.Name, "see which step takes long with `offshoot logs ENV --step build`, or allow more time", "the build of %s took longer than %s", build.Name, limit)
	case errors.Is(err, context.Canceled):
		return staging.Errorf(staging.CodeCancelled, "", "the build of %s was cancelled: %w", build.Name, err)
	case errors.As(err, &gone):
		return disconnected(build.Name, gone.error)
	}
	step := p.failed()
	text := cause(err)
	if step == nil && status.Code(err) == codes.Unavailable {
		return disconnected(build.Name, errors.New(text))
	}
	var e *staging.Error
	if step != nil && number.MatchString(step.name) && exitCode.MatchString(step.failure) {
		e = failed(staging.ClassBuild, build.Name, "the lines above it say why; build it by hand: `docker build`", "the build of %s failed at %s: %s", build.Name, step.name, exitCode.FindString(step.failure))
		if code, err := strconv.Atoi(exitCode.FindStringSubmatch(step.failure)[1]); err == nil {
			e.Failure.ExitCode = &code
		}
		e.Hint = orDefault(telling(step.tail), e.Hint)
		e.Failure.Hint = e.Hint
	} else {
		e = known(text, step, build, frontend)
	}
	e.Err = err
	e.Failure.File = d.path
	if step != nil {
		e.Failure.LogTail = step.tail
	}
	return e
}

// telling is what to do about a step that said itself why it failed, "" where what
// it wrote is its own.
func telling(tail []string) string {
	for _, line := range tail {
		switch {
		case strings.Contains(line, "No space left on device"), strings.Contains(line, "no space left on device"):
			return "a disk was full, the engine's or one that the step has for itself; free some of the engine's: `docker system df`, `docker builder prune`, `docker image prune`"
		case strings.Contains(line, "exec format error"), strings.Contains(line, "Exec format error"):
			return "it is made for another architecture than the engine's: begin FROM what is for that"
		}
	}
	return ""
}

// known looks what the words of a failure mean.
func known(text string, step *step, build staging.ImageBuild, frontend string) *staging.Error {
	words, image := text, ""
	if step != nil {
		words += "\n" + step.failure
		if m := metadata.FindStringSubmatch(step.name); m != nil {
			image = m[1]
		}
	}
	pulling := step == nil || pulls.MatchString(step.name)
	for _, r := range reasons {
		if !r.words.MatchString(words) || r.image && !pulling {
			continue
		}
		if !r.image {
			return failed(r.class, build.Name, r.hint, "the build of %s: %s (%s)", build.Name, r.what, firstLine(text))
		}
		if image == "" && step == nil {
			continue
		}
		if frontend != "" && strings.Contains(image, strings.TrimPrefix(frontend, "docker.io/")) {
			return failed(r.class, build.Name, "leave the line out, and the engine's own reader is used; or let the engine pull",
				"the build of %s: its line `# syntax=%s` needs an image that %s (%s)", build.Name, frontend, r.what, firstLine(text))
		}
		return failed(r.class, build.Name, r.hint, "the build of %s: the image %s %s (%s)", build.Name, orDefault(image, step.name), r.what, firstLine(text))
	}
	return failed(staging.ClassBuild, build.Name, "build it by hand to see it: `docker build`", "the build of %s failed: %s", build.Name, firstLine(text))
}

// cause is the text of an error without the layers it went through.
func cause(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	for _, layer := range []string{"failed to solve with frontend dockerfile.v0: ", "failed to solve with frontend gateway.v0: ", "failed to create LLB definition: ", "failed to solve: ", "rpc error: code = Unknown desc = "} {
		text = strings.ReplaceAll(text, layer, "")
	}
	return text
}

func disconnected(image string, err error) *staging.Error {
	text := fmt.Sprintf("the build of %s: the connection to the Docker engine was lost: %v", image, err)
	if image == "" {
		text = fmt.Sprintf("the Docker engine does not answer: %v", err)
	}
	e := failed(staging.ClassPlatform, image, "see that it runs (`docker info`), then deploy again", "%s", text)
	e.Err, e.Failure.Retryable = err, true
	return e
}
