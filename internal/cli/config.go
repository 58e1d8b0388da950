package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

// configFlag names the file; it is not one of its keys.
const configFlag = "config"

// settings are the flags that a server's file and environment can set too.
func settings(flags *pflag.FlagSet) []*pflag.Flag {
	var list []*pflag.Flag
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != configFlag && f.Name != "help" {
			list = append(list, f)
		}
	})
	return list
}

// settingsHelp says how a server is configured, and names every key.
func settingsHelp(flags *pflag.FlagSet) string {
	var keys []string
	for _, f := range settings(flags) {
		keys = append(keys, f.Name)
	}
	return "Run the server until SIGTERM. Environments go on running without it.\n\n" +
		"Each flag is also an environment variable (OFFSHOOT_DATA_DIR for --data-dir) and a\nkey of the YAML file that --config names. A flag counts before a variable, a\nvariable before the file. Keys: " + strings.Join(keys, ", ") + ".\n\n" +
		"How far processes are kept apart is found by trying: users and namespaces as root,\nuser namespaces, else process groups. OFFSHOOT_PROCESS_SHAPE=root|userns|plain\nasks for one of them; offshoot doctor says what a host lacks."
}

// fromEnvironment sets the flags that were not given from their variables.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "OFFSHOOT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := os.Getenv(name); v != "" && !f.Changed && f.Name != "help" {
			if err := flags.Set(f.Name, v); err != nil {
				failed = errors.Join(failed, staging.Errorf(staging.CodeUsage, "offshoot server --help", "%s: %w", name, err))
			}
		}
	})
	return failed
}

// fromFile sets the flags that were not given otherwise from a YAML file. What
// it does not know is refused, with its line.
func fromFile(flags *pflag.FlagSet, path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return staging.NotFound("name a file", "there is no file %q", path)
	}
	if err != nil {
		return staging.Refused("let this user read it", "read %s: %w", path, err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return staging.Errorf(staging.CodeUsage, "lines are KEY: VALUE", "%s: %w", path, err)
	}
	if len(document.Content) == 0 {
		return nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return staging.Errorf(staging.CodeUsage, "lines are KEY: VALUE", "%s:%d: not a list of keys", path, root.Line)
	}
	known := settings(flags)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		at := slices.IndexFunc(known, func(f *pflag.Flag) bool { return f.Name == key.Value })
		switch {
		case at < 0:
			return staging.Errorf(staging.CodeUsage, "offshoot server --help lists the keys", "%s:%d: %s: unknown key", path, key.Line, key.Value)
		case value.Kind != yaml.ScalarNode:
			return staging.Errorf(staging.CodeUsage, "write one value", "%s:%d: %s: not one value", path, value.Line, key.Value)
		case known[at].Changed:
			continue
		}
		if err := known[at].Value.Set(value.Value); err != nil {
			return staging.Errorf(staging.CodeUsage, fmt.Sprintf("for example %s: %s", key.Value, known[at].DefValue), "%s:%d: %s: %w", path, value.Line, key.Value, err)
		}
	}
	return nil
}
