package manifest_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mattn/go-shellwords"
	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"offshoot/internal/componenttest"
	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// asRead is what a reader of Compose files makes of a service, as far as both
// say it.
type asRead struct {
	Command, Entrypoint []string
	User, WorkingDir    string
	Environment         map[string]string
	Ports               []int
	DependsOn           []string
	Targets             []string
	Replicas            int
}

// least is how many files the peer must understand: it is older than some.
const least = 25

// TestAsComposeReads compares what is read of published files with what Docker
// Compose itself reads of them.
func TestAsComposeReads(t *testing.T) {
	program, err := exec.LookPath("docker-compose")
	if err != nil {
		componenttest.Missing(t, "docker-compose", "it is not installed")
	}
	files, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir, o := repository(t, a)
		o.Platform = "docker"
		r, err := manifest.Load(t.Context(), dir, o)
		theirs, understood := read(t, program, dir, o)
		if err != nil || !understood {
			continue // refused by one of the two
		}
		compared++
		for _, s := range slices.Concat(r.Stack.Services, r.Stack.OneShots) {
			want, ok := theirs[s.Name]
			if !ok {
				if !strings.HasSuffix(s.Name, ".init") {
					t.Errorf("%s: Compose has no service %s", file, s.Name)
				}
				continue
			}
			want.DependsOn = slices.DeleteFunc(want.DependsOn, func(name string) bool {
				_, ok := r.Stack.Service(name)
				return !ok // data servers are up before all else
			})
			if s.Backing && len(want.Ports) == 0 && len(s.Ports) > 0 {
				want.Ports = []int{s.Ports[0].Target} // its usual one
			}
			if diff := cmp.Diff(want, ours(s, want), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s (-Compose +Offshoot):\n%s", filepath.Base(file), s.Name, diff)
			}
		}
	}
	if compared < least {
		t.Errorf("%d files were compared, want %d", compared, least)
	}
	t.Logf("%d of %d files are read as Compose reads them", compared, len(files))
}

func ours(s staging.Service, theirs asRead) asRead {
	got := asRead{Command: s.ImageCommand, Entrypoint: s.Container.Entrypoint, User: s.Container.User, WorkingDir: s.WorkingDir, Environment: map[string]string{}, Replicas: s.Replicas}
	for k, v := range s.Environment {
		if its, ok := theirs.Environment[k]; ok { // an env_file that is missing is answered otherwise
			got.Environment[k] = v
			if staging.HasLate(v) { // put in when it starts
				got.Environment[k] = its
			}
		}
	}
	for _, p := range s.Ports {
		got.Ports = append(got.Ports, p.Target)
	}
	for _, d := range s.DependsOn {
		got.DependsOn = append(got.DependsOn, d.Name)
	}
	for _, m := range s.Mounts {
		if !s.Backing || slices.Contains(theirs.Targets, m.Target) { // else the data of a server, which Compose leaves to its image
			got.Targets = append(got.Targets, m.Target)
		}
		for _, name := range m.Keep { // Compose's users keep it by a volume of no name
			if at := filepath.Join(m.Target, name); slices.Contains(theirs.Targets, at) {
				got.Targets = append(got.Targets, at)
			}
		}
	}
	slices.Sort(got.Ports)
	slices.Sort(got.DependsOn)
	slices.Sort(got.Targets)
	return got
}

// read is what the program says of a repository; ok is whether it understands it.
func read(t *testing.T, program, dir string, o manifest.Options) (services map[string]asRead, ok bool) {
	t.Helper()
	args := []string{"config"}
	if o.ComposeFile != "" {
		args = []string{"--file", o.ComposeFile, "config"}
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir}
	for k, v := range o.Variables {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, false
	}
	var config struct {
		Services map[string]struct {
			Command, Entrypoint yaml.Node
			User                string
			WorkingDir          string `yaml:"working_dir"`
			Environment         map[string]*string
			Ports, Volumes      []yaml.Node
			Expose              []string
			DependsOn           yaml.Node `yaml:"depends_on"`
			Scale               int
			Deploy              struct{ Replicas *int }
			Tmpfs               yaml.Node
		}
	}
	if err := yaml.Unmarshal(out, &config); err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	services = map[string]asRead{}
	for name, s := range config.Services {
		x := asRead{Command: words(s.Command), Entrypoint: words(s.Entrypoint), User: s.User, WorkingDir: s.WorkingDir, Environment: map[string]string{}, Replicas: 1}
		for k, v := range s.Environment {
			if v != nil {
				x.Environment[k] = strings.ReplaceAll(*v, "$$", "$")
			}
		}
		for _, p := range s.Ports {
			x.Ports = append(x.Ports, target(t, p))
		}
		for _, e := range s.Expose {
			n, _ := strconv.Atoi(e)
			x.Ports = append(x.Ports, n)
		}
		for _, v := range s.Volumes {
			x.Targets = append(x.Targets, mounted(v))
		}
		for _, tmpfs := range words(s.Tmpfs) {
			target, _, _ := strings.Cut(tmpfs, ":")
			x.Targets = append(x.Targets, target)
		}
		x.DependsOn = keysOrItems(s.DependsOn)
		if s.Scale > 0 {
			x.Replicas = s.Scale
		}
		if s.Deploy.Replicas != nil {
			x.Replicas = *s.Deploy.Replicas
		}
		slices.Sort(x.Ports)
		x.Ports = slices.Compact(x.Ports)
		slices.Sort(x.Targets)
		slices.Sort(x.DependsOn)
		services[name] = x
	}
	return services, true
}

func words(n yaml.Node) []string {
	var list []string
	if n.Decode(&list) == nil {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "$$", "$")
		}
		return list
	}
	list, _ = shellwords.Parse(strings.ReplaceAll(n.Value, "$$", "$"))
	return list
}

func keysOrItems(n yaml.Node) []string {
	var list []string
	var conditions map[string]any
	if n.Decode(&list) == nil {
		return list
	}
	_ = n.Decode(&conditions)
	return slices.Sorted(maps.Keys(conditions))
}

func target(t *testing.T, n yaml.Node) int {
	t.Helper()
	var long struct{ Target int }
	text := n.Value
	if n.Kind == yaml.MappingNode {
		if err := n.Decode(&long); err != nil {
			t.Fatal(err)
		}
		return long.Target
	}
	text, _, _ = strings.Cut(text, "/")
	port, _ := strconv.Atoi(text[strings.LastIndexByte(text, ':')+1:])
	return port
}

func mounted(n yaml.Node) string {
	var long struct{ Target string }
	if n.Kind == yaml.MappingNode {
		_ = n.Decode(&long)
		return filepath.Clean(long.Target)
	}
	parts := strings.Split(n.Value, ":")
	if len(parts) == 1 {
		return filepath.Clean(parts[0])
	}
	return filepath.Clean(parts[1])
}
