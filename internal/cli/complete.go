package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"offshoot/internal/wire"
)

// patient bounds how long a shell waits for what a word can be.
const patient = 2 * time.Second

// finder answers what a word can be, each with what it is after a tab; given
// are the arguments before it.
type finder func(ctx context.Context, given []string) []string

// completes lets shells complete what the server knows: what stands where is
// read from how each command's help says that it is typed. A server that does
// not answer completes nothing and says nothing.
func (s *stdio) completes(root *cobra.Command) {
	for _, c := range root.Commands() {
		s.completes(c)
	}
	for flag, find := range map[string]finder{"project": s.findProjects, "snapshot": s.findSnapshots, "phase": fixed(phases()...), "for": fixed(phases()...),
		"from": s.findEnvironments, "into": fixed("staging"), "size": fixed("small", "medium", "large"), "role": fixed("viewer", "tester", "developer", "admin")} {
		if c := root; c.Flags().Lookup(flag) != nil || c.PersistentFlags().Lookup(flag) != nil {
			if flag == "for" && c.Name() != "wait" { // whose variable it is
				find = fixed("shared", "branch")
			}
			_ = c.RegisterFlagCompletionFunc(flag, s.answers(find, 0)) // fails for a flag that there is not
		}
	}
	if strings.Contains(root.Use, " ") && root.ValidArgsFunction == nil {
		named := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(root.Use))[1:]
		root.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			at := min(len(args), len(named)-1)
			word, many := strings.CutSuffix(named[at], "…")
			// Cobra has put a -- behind the words that there are; one before them is a person's.
			if dash := c.ArgsLenAtDash(); dash >= 0 && dash < len(args) || at < len(args) && !many {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return s.argument(root, word)(c, args, begun)
		}
	}
}

// argument completes the argument that help calls by this word.
func (s *stdio) argument(c *cobra.Command, word string) cobra.CompletionFunc {
	switch word {
	case "ENV":
		return s.answers(s.findEnvironments, 0)
	case "BRANCH", "DIR|BRANCH":
		return s.answers(findBranches, 0)
	case "SERVICE":
		return s.answers(s.findServices(""), 0)
	case "SERVICE=N":
		return s.answers(s.findServices("="), cobra.ShellCompDirectiveNoSpace)
	case "JOB":
		return s.answers(s.findJobs, 0)
	case "MESSAGE":
		return s.answers(s.findMail, 0)
	case "DATASTORE":
		return s.answers(s.findData, 0)
	case "NAME=ENV":
		return s.answers(s.findLinks, cobra.ShellCompDirectiveNoSpace)
	case "NAME":
		if c.HasParent() && c.Parent().Name() == "project" && c.Name() != "add" {
			return s.answers(s.findProjects, 0)
		}
	case "ID":
		return s.answers(s.findSnapshots, 0)
	case "FILE", "DIR":
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return cobra.NoFileCompletions
}

func (s *stdio) answers(find finder, more cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), patient)
		defer cancel()
		found := slices.DeleteFunc(find(ctx, args), func(x string) bool { return !strings.HasPrefix(x, begun) })
		return found, cobra.ShellCompDirectiveNoFileComp | more
	}
}

func fixed(words ...string) finder {
	return func(context.Context, []string) []string { return slices.Clone(words) }
}

func findBranches(ctx context.Context, _ []string) []string {
	return strings.Fields(git(ctx, "for-each-ref", "--format=%(refname:short)", "refs/heads"))
}

func (s *stdio) findProjects(ctx context.Context, _ []string) []string {
	list, _ := s.client().Projects(ctx)
	var found []string
	for _, p := range list.Items {
		found = append(found, p.Name+"\t"+p.Repo)
	}
	return found
}

// findEnvironments are branches of the project that is meant, else of each
// with its name before them.
func (s *stdio) findEnvironments(ctx context.Context, _ []string) []string {
	client := s.client()
	project, _ := s.guessProject(ctx, client)
	list, _ := client.Environments(ctx, project, false)
	var found []string
	for _, e := range list.Items {
		name := e.Branch
		if project == "" {
			name = e.Project + "/" + name
		}
		found = append(found, name+"\t"+e.Phase)
	}
	return found
}

func (s *stdio) findSnapshots(ctx context.Context, _ []string) []string {
	client := s.client()
	project, err := s.guessProject(ctx, client)
	if err != nil || project == "" {
		return nil
	}
	list, _ := client.Snapshots(ctx, project)
	var found []string
	for _, x := range list.Items {
		found = append(found, x.ID+"\t"+x.State+", "+ago(x.TakenAt))
	}
	return found
}

// given is the environment that the arguments before name.
func (s *stdio) given(ctx context.Context, args []string) wire.Environment {
	if len(args) == 0 {
		return wire.Environment{}
	}
	v, _ := s.environment(ctx, s.client(), args[0])
	return v
}

func (s *stdio) findServices(after string) finder {
	return func(ctx context.Context, args []string) []string {
		var found []string
		for _, x := range s.given(ctx, args).Services {
			if x.Schedule == "" {
				found = append(found, x.Name+after+"\t"+x.State)
			}
		}
		return found
	}
}

func (s *stdio) findJobs(ctx context.Context, args []string) []string {
	var found []string
	for _, x := range s.given(ctx, args).Services {
		if x.Schedule != "" {
			found = append(found, x.Name+"\t"+x.Schedule)
		}
	}
	return found
}

func (s *stdio) findData(ctx context.Context, args []string) []string {
	var found []string
	for _, d := range s.given(ctx, args).Data {
		if d.Kind != "volume" {
			found = append(found, d.Name+"\t"+d.Kind)
		}
	}
	return found
}

func (s *stdio) findMail(ctx context.Context, args []string) []string {
	list, err := s.client().Mail(ctx, s.given(ctx, args).ID, mostFound)
	if err != nil {
		return nil
	}
	var found []string
	for _, m := range list.Items {
		found = append(found, m.ID+"\t"+cut(m.Subject, mostWide)+", "+ago(m.ReceivedAt))
	}
	return found
}

// mostFound is how many of the newest of many a word can be.
const mostFound = 30

func (s *stdio) findLinks(ctx context.Context, args []string) []string {
	var found []string
	for _, l := range s.given(ctx, args).Links {
		found = append(found, l.Name+"=\t"+l.State)
	}
	return found
}
