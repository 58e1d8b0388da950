package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform/process"
)

func condition(name string) (bool, error) {
	switch name {
	case "fetch":
		return fetches()
	case "docker":
		return engineThere()
	case "containers": // the platform runs images: TestScriptsOnDocker
		return false, nil
	case "root":
		return os.Geteuid() == 0, nil
	case "ruby":
		_, err := exec.LookPath("bundle")
		if err != nil && componenttest.Required("ruby") {
			return false, fmt.Errorf("ruby is missing: %w", err)
		}
		return err == nil, nil
	case "plain": // nothing is shown at another place than it lies
		return os.Getenv(shapeVariable) == string(process.ShapePlain), nil
	}
	return false, fmt.Errorf("no condition %q is known", name)
}

// require skips where a real component is missing, and fails where CI says
// that it must be there.
func require(t *testing.T) {
	missing := ""
	switch {
	case found("/usr/lib/postgresql/*/bin/postgres") == "":
		missing = "postgres"
	default:
		if _, err := exec.LookPath("redis-server"); err != nil {
			missing = "redis"
		}
	}
	if missing != "" {
		componenttest.Missing(t, missing, "the programs run on it")
	}
}

func found(pattern string) string {
	matches, _ := filepath.Glob(pattern)
	if len(matches) == 0 {
		return ""
	}
	return matches[0]
}
