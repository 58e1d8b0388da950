package manifest

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

// OverlayName is the file that Overlay is meant for.
const OverlayName = overlayName

// Overlay is the text of compose.offshoot.yaml that says what was guessed, ""
// where nothing was. Read with it, the same files leave nothing to guess.
func (r *Result) Overlay() (string, error) {
	if len(r.guessed) == 0 {
		return "", nil
	}
	services := &yaml.Node{Kind: yaml.MappingNode}
	alone := len(r.Stack.Sources) > 0 && (r.Stack.Sources[0] == "Procfile" || r.Stack.Sources[0] == "Dockerfile")
	for _, list := range [][]staging.Service{r.Stack.Services, r.Stack.OneShots} {
		for _, v := range list {
			if r.guessed[v.Name] || alone {
				services.Content = append(services.Content, scalarNode(v.Name), r.overlayOf(v, alone))
			}
		}
	}
	doc := mapping("services", services)
	doc.HeadComment = "What was guessed of this repository, by `offshoot check --write`."
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return "", err
	}
	return b.String(), e.Close()
}

// overlayOf says of one service what is not written elsewhere; alone is
// whether no Compose file says anything of it.
func (r *Result) overlayOf(v staging.Service, alone bool) *yaml.Node {
	process := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		process.Content = append(process.Content, scalarNode(key), value)
	}
	if steps := r.stepsOf(v); len(steps) > 0 {
		add("build", scalarNode(joinSteps(steps)))
		var cache []*yaml.Node
		for _, s := range steps {
			for _, c := range s.Cache {
				cache = append(cache, scalarNode(c))
			}
		}
		if len(cache) > 0 {
			add("cache", &yaml.Node{Kind: yaml.SequenceNode, Content: cache})
		}
	}
	if v.ImageBuild != nil && !v.Command.Empty() {
		add("command", commandNode(v.Command))
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	if alone {
		if v.ImageBuild != nil {
			n.Content = append(n.Content, scalarNode("build"), scalarNode(v.ImageBuild.Context))
		}
		for _, p := range v.Ports {
			port := scalarNode(strconv.Itoa(p.Target))
			port.Style = yaml.DoubleQuotedStyle
			n.Content = append(n.Content, scalarNode("ports"), &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{port}})
		}
	}
	for _, p := range r.exposed(v) {
		port := scalarNode(strconv.Itoa(p.Target))
		port.Style = yaml.DoubleQuotedStyle
		n.Content = append(n.Content, scalarNode("expose"), &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{port}})
	}
	if len(process.Content) > 0 {
		n.Content = append(n.Content, scalarNode(extensionKey), mapping("process", process))
	}
	return n
}

// stepsOf are the guessed steps that the notes put to a service.
func (r *Result) stepsOf(v staging.Service) []staging.BuildStep {
	var steps []staging.BuildStep
	for _, b := range r.Stack.Build {
		for _, n := range r.Notes {
			if b.Guessed && n.Key == buildKey(v.Name) && strings.HasSuffix(n.Message, builtBy+b.Command.Shell) {
				steps = append(steps, b)
			}
		}
	}
	return steps
}

func joinSteps(steps []staging.BuildStep) string {
	var list []string
	for _, s := range steps {
		line := s.Command.Shell
		if len(steps) > 1 && strings.HasPrefix(line, "cd ") {
			line = "(" + line + ")"
		}
		list = append(list, line)
	}
	return dollars(strings.Join(list, " && "))
}

// dollars keeps Compose from putting variables in.
func dollars(s string) string {
	return staging.ExpandLate(strings.ReplaceAll(s, "$", "$$"), func(name string) string { return "${" + name + "}" })
}

func commandNode(c staging.Command) *yaml.Node {
	if c.Shell != "" {
		return scalarNode(dollars(c.Shell))
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, a := range c.Args {
		arg := scalarNode(dollars(a))
		arg.Style = yaml.DoubleQuotedStyle
		n.Content = append(n.Content, arg)
	}
	return n
}

func scalarNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func mapping(key string, value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalarNode(key), value}}
}
