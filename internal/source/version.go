package source

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"offshoot/internal/staging"
)

// The oldest git that can be closed off: 2.32 was the first to leave out the
// user's and the host's configuration where it is told to
// (GIT_CONFIG_GLOBAL, GIT_CONFIG_SYSTEM; Git's release notes).
const (
	oldestMajor = 2
	oldestMinor = 32
)

var gitVersion = regexp.MustCompile(`git version (\d+)\.(\d+)`)

// findGit is the program, which must be recent enough.
func findGit() (string, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", staging.Errorf(staging.CodeRefused, "install git", "the git program is not on this machine: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, git, "version").Output()
	if err != nil {
		return "", staging.Errorf(staging.CodeRefused, "install git anew", "%s does not run: %w", git, err)
	}
	return git, recent(string(out))
}

func recent(said string) error {
	found := gitVersion.FindStringSubmatch(said)
	if found == nil {
		return staging.Refused("install git", "%q is no version of git", said)
	}
	major, _ := strconv.Atoi(found[1])
	minor, _ := strconv.Atoi(found[2])
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return staging.Refused(fmt.Sprintf("install git %d.%d or newer", oldestMajor, oldestMinor), "git %s.%s is too old to run other people's repositories safely", found[1], found[2])
	}
	return nil
}
