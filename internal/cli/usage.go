package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"offshoot/internal/staging"
)

// explain lets each command below root say what is wrong with a command line
// in the words of its own help: which argument is missing, what a mistyped
// word may have been.
func explain(root *cobra.Command) {
	if !root.HasParent() { // a command's own has precedence
		root.SetFlagErrorFunc(flagError)
	}
	for _, c := range root.Commands() {
		explain(c)
	}
	check := root.Args
	if check == nil {
		return
	}
	root.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		var known *staging.Error
		if err == nil || errors.As(err, &known) {
			return err
		}
		return argumentError(c, args)
	}
}

func argumentError(c *cobra.Command, args []string) error {
	needed := words(c)
	switch {
	case len(args) > 0 && len(c.Commands()) > 0:
		hint := c.CommandPath() + " --help lists them"
		if close := similar(c, args[0]); len(close) > 0 {
			hint = "did you mean: " + c.CommandPath() + " " + strings.Join(close, ", or "+c.CommandPath()+" ")
		}
		return staging.Errorf(staging.CodeUsage, hint, "%s has no command %q", c.CommandPath(), args[0])
	case len(args) < len(needed):
		return staging.Errorf(staging.CodeUsage, typed(c), "%s is missing", needed[len(args)])
	case len(args) > 0:
		return staging.Errorf(staging.CodeUsage, typed(c), "%q is too much", args[len(args)-1])
	}
	return staging.Errorf(staging.CodeUsage, typed(c), "something is missing")
}

// similar are the commands that a mistyped word may have been: in a short one
// a single letter may be wrong, else every word of two letters would be like it.
func similar(c *cobra.Command, word string) []string {
	c.SuggestionsMinimumDistance = 2
	if len(word) < 5 {
		c.SuggestionsMinimumDistance = 1
	}
	found := c.SuggestionsFor(word)
	slices.Sort(found)
	return slices.Compact(found)
}

// words are the arguments that a command cannot do without, as its help names
// them.
func words(c *cobra.Command) []string {
	named := strings.Fields(c.Use)[1:]
	return slices.DeleteFunc(named, func(word string) bool { return strings.ContainsAny(word, "[]") || word == "--" })
}

// typed says how a command is typed, by an example of its own.
func typed(c *cobra.Command) string {
	text := strings.TrimSuffix(c.CommandPath(), c.Name()) + c.Use
	if example, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n"); example != "" && example != text {
		text += "; for example: " + example
	}
	return text
}

func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	// Cobra knows which commands are spelt alike: the flags stand in for them.
	known := &cobra.Command{}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		known.AddCommand(&cobra.Command{Use: f.Name, Hidden: f.Hidden, Run: func(*cobra.Command, []string) {}})
	})
	if close := similar(known, unknown.GetSpecifiedName()); len(close) > 0 {
		return staging.Errorf(staging.CodeUsage, "did you mean: --"+strings.Join(close, ", or --"), "%w", err)
	}
	return err
}
