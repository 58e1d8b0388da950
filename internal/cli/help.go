package cli

import (
	"slices"

	"github.com/spf13/cobra"
)

// group puts the commands of the first page of help under the heads by which
// people look for them. Each command has other names too, by which people who
// come from other tools try it first: those are answered with its own.
func group(root *cobra.Command) {
	for _, g := range []struct {
		id, title string
		commands  []string
	}{
		{"environment", "Environments:", []string{"create", "deploy", "destroy", "ls", "show", "logs", "mail", "open", "url", "events", "wait"}},
		{"inside", "Inside one:", []string{"console", "exec", "psql", "redis-cli", "tunnel"}},
		{"upkeep", "Upkeep:", []string{"sleep", "wake", "pin", "unpin", "extend", "scale", "env", "link", "cron", "sweep"}},
		{"data", "Data:", []string{"data", "snapshot"}},
		{"project", "Projects:", []string{"check", "project"}},
		{"server", "The server and its host:", []string{"demo", "doctor", "runtime", "server", "status", "storage"}},
		{"access", "Access:", []string{"login", "logout", "token", "whoami"}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range root.Commands() {
			if slices.Contains(g.commands, c.Name()) {
				c.GroupID = g.id
			}
		}
	}
	others := map[string][]string{
		"console": {"shell", "ssh", "bash", "run"}, "create": {"up", "new", "add"}, "destroy": {"rm", "delete", "remove", "down"}, "events": {"history"},
		"logs": {"tail"}, "ls": {"list", "ps"}, "login": {"auth", "signin"}, "show": {"info", "get", "inspect", "describe"}, "sleep": {"stop", "pause"}, "wake": {"start", "resume"},
	}
	for _, c := range root.Commands() {
		c.SuggestFor = others[c.Name()]
	}
}
