// Package componenttest is for tests that need something real: a server, a
// file system, a right of the user. Where it is missing the test is skipped and
// says so; where CI says that it must be there, the test fails.
//
// It looks for nothing itself.
package componenttest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Variable is the environment variable that names, with commas, what must be
// there. Tests that start others hand it on.
const Variable = "OFFSHOOT_TEST_REQUIRE"

// Known are the names of all that tests ask for; .ci/run requires each of them.
func Known() []string {
	return []string{"fetch", "root", "userns", "cgroup", "xfs", "btrfs", "ext4", "postgres", "redis", "ruby", "sshd", "ssh-keygen", "git-lfs",
		"git-http-backend", "chromium", "sock-diag", "docker", "docker-compose", "ip", "nftables", "python3"}
}

// Required is whether a missing component is a failure.
func Required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), name)
}

// Missing ends a test for want of a component: it skips, or fails where the
// component is required.
func Missing(t testing.TB, name, reason string) {
	t.Helper()
	switch {
	case !slices.Contains(Known(), name):
		t.Fatalf("%s (%s) is not among the components that CI requires", name, reason)
	case Required(name):
		t.Fatalf("%s is required: %s", name, reason)
	}
	t.Skipf("%s is missing: %s", name, reason)
}
