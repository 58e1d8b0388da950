package doctor

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// askTimeout bounds one program that is asked.
const askTimeout = 10 * time.Second

// The oldest Git that every command of ours is known to run with.
const gitMajor, gitMinor = 2, 35

var gitVersion = regexp.MustCompile(`(\d+)\.(\d+)`)

func (h Host) git(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return fail("git", "git is not here: "+err.Error(), "install git with the system's packages")
	}
	text := strings.TrimSpace(string(out))
	m := gitVersion.FindStringSubmatch(text)
	if m == nil {
		return warn("git", "git says "+strconv.Quote(text), "install git from the system's packages")
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < gitMajor || major == gitMajor && minor < gitMinor {
		return fail("git", text+" is too old", "install git 2.35 or newer")
	}
	return ok("git", text)
}

// docker is the engine of containers. A host needs none: what is to run there
// is refused where it is asked for.
func (h Host) docker(ctx context.Context) []Check {
	if h.Docker == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	what, cannot, err := h.Docker(ctx)
	var known *staging.Error
	switch {
	case errors.As(err, &known):
		return fail("docker", known.Message, known.Hint)
	case err != nil:
		return fail("docker", err.Error(), "")
	case len(cannot) > 0:
		return warn("docker", what+": "+strings.Join(cannot, "; "), "docs/docker.md says what that means")
	}
	return ok("docker", what)
}

// engines are the data servers and their clients.
func (h Host) engines(ctx context.Context) []Check {
	var all []Check
	for _, kind := range []string{"postgres", "redis", "psql", "redis-cli"} {
		all = append(all, h.engine(ctx, kind)...)
	}
	return all
}

func (h Host) engine(ctx context.Context, kind string) []Check {
	list, err := h.Engines.List(ctx, kind)
	if err != nil {
		return fail(kind, err.Error(), "")
	}
	if len(list) > 0 {
		var found []string
		for _, e := range list {
			found = append(found, e.Version+" in "+e.Bin)
		}
		return ok(kind, strings.Join(found, ", "))
	}
	err = h.Fetches(ctx, kind)
	if err == nil {
		return ok(kind, "none here; it is fetched once, when it is first needed: offshoot runtime install "+kind)
	}
	remedy := ""
	if e := (*staging.Error)(nil); errors.As(err, &e) {
		remedy = e.Hint
	}
	if kind == "psql" || kind == "redis-cli" {
		return warn(kind, "none here, so `offshoot "+kind+"` does not work: "+err.Error(), remedy)
	}
	return warn(kind, "none here, so a stack with "+kind+" fails: "+err.Error(), remedy)
}
