package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"offshoot/internal/staging"
)

// manual is the help of a command as one object.
type manual struct {
	Command  string          `json:"command"`
	Usage    string          `json:"usage"`
	Short    string          `json:"short"`
	Long     string          `json:"long"`
	Examples []string        `json:"examples"`
	Commands []manualCommand `json:"commands"`
	Flags    []manualFlag    `json:"flags"`
}

type manualCommand struct {
	Name  string `json:"name"`
	Short string `json:"short"`
}

type manualFlag struct {
	Name      string `json:"name"`
	Shorthand string `json:"shorthand"`
	Type      string `json:"type"`
	Default   string `json:"default"`
	Usage     string `json:"usage"`
}

// helps lets the help of every command be an object where one is asked for,
// and a command that nobody knows be a mistake.
func (s *stdio) helps(root *cobra.Command) {
	text := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if s.json {
			s.object(manualOf(c))
			return
		}
		text(c, args)
	})
	root.SetHelpCommand(&cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command", Example: "  offshoot help create",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (list []cobra.Completion, _ cobra.ShellCompDirective) {
			found, _, err := root.Find(args)
			if err == nil {
				for _, c := range manualOf(found).Commands {
					list = append(list, cobra.CompletionWithDesc(c.Name, c.Short))
				}
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return staging.Errorf(staging.CodeUsage, "offshoot --help lists them", "there is no command %q", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	})
}

func manualOf(c *cobra.Command) manual {
	m := manual{Command: c.CommandPath(), Usage: c.UseLine(), Short: c.Short, Long: c.Long, Examples: []string{}, Commands: []manualCommand{}, Flags: []manualFlag{}}
	for line := range strings.Lines(c.Example) {
		m.Examples = append(m.Examples, strings.TrimSpace(line))
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			m.Commands = append(m.Commands, manualCommand{sub.Name(), sub.Short})
		}
	}
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			m.Flags = append(m.Flags, manualFlag{f.Name, f.Shorthand, f.Value.Type(), f.DefValue, f.Usage})
		}
	}
	c.NonInheritedFlags().VisitAll(add)
	c.InheritedFlags().VisitAll(add)
	return m
}
