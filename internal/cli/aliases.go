package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"offshoot/internal/staging"
)

// alias is another name of the program and the command that it stands for.
type alias struct{ name, command string }

// aliases are what teams called these commands before.
func aliases() []alias {
	return []alias{{"create_branch_staging", "create"}, {"destroy_branch_staging", "destroy"}, {"docker:console", "console"}}
}

// Arguments are those of a program that was called by argv[0].
func Arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	for _, a := range aliases() {
		if filepath.Base(argv[0]) == a.name {
			return append([]string{a.command}, argv[1:]...)
		}
	}
	return argv[1:]
}

func aliasesCommand(s *stdio) *cobra.Command {
	return &cobra.Command{
		Use: "aliases DIR", Short: "Make links by which create, destroy and console have their old names", Example: "  offshoot aliases ~/bin", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil || !info.IsDir() {
				return staging.NotFound("make it first", "there is no folder %q", args[0])
			}
			made := []string{}
			for _, a := range aliases() {
				path := filepath.Join(args[0], a.name)
				if err := link(program, path); err != nil {
					return err
				}
				made = append(made, path)
				if !s.json {
					_, _ = fmt.Fprintf(s.out, "%s is offshoot %s\n", path, a.command)
				}
			}
			if s.json {
				s.object(map[string]any{"items": made})
			}
			return nil
		},
	}
}

// link makes path a link to the program; anything else of that name stays.
func link(program, path string) error {
	if target, err := os.Readlink(path); err == nil && target == program {
		return nil
	}
	err := os.Symlink(program, path)
	if errors.Is(err, fs.ErrExist) {
		return staging.Refused("remove it, or choose another folder", "%s exists", path)
	}
	return err
}
