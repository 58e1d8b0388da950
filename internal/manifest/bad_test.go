package manifest_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"offshoot/internal/manifest"
	"offshoot/internal/staging"
)

// TestBadFilesAreRefused makes what no archive can hold.
func TestBadFilesAreRefused(t *testing.T) {
	bomb := &strings.Builder{}
	bomb.WriteString("x-a: &a [x, x, x, x, x, x, x, x, x]\n")
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(bomb, "x-%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	bomb.WriteString("services: {web: {build: ., command: *j}}\n")
	tower := &strings.Builder{}
	tower.WriteString("x-0: &a0 " + strings.Repeat("[", 20) + "x" + strings.Repeat("]", 20) + "\n")
	for i := range 200 {
		fmt.Fprintf(tower, "x-%d: &a%d %s*a%d%s\n", i+1, i+1, strings.Repeat("[", 20), i, strings.Repeat("]", 20))
	}
	tower.WriteString("services: {web: {build: ., command: a}}\n")
	web := "services: {web: {build: ., command: a}}\n"
	many := func(prefix string, n int) string {
		services := &strings.Builder{}
		services.WriteString("services:\n")
		for i := range n {
			fmt.Fprintf(services, "  %s%d: {build: ., command: a}\n", prefix, i)
		}
		return services.String()
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"alias bomb":       {map[string]string{"compose.yaml": bomb.String()}, "too large"},
		"tower":            {map[string]string{"compose.yaml": tower.String()}, ""},
		"10 MB":            {map[string]string{"compose.yaml": web + strings.Repeat("# filler\n", 10<<20/9)}, "larger than 1 MB"},
		"10,000 services":  {map[string]string{"compose.yaml": many("s", 10_000)}, "has 10000 services"},
		"included":         {map[string]string{"compose.yaml": "include: [a.yaml, b.yaml]\n" + many("s", 200), "a.yaml": many("a", 200), "b.yaml": many("b", 200)}, "has 600 services"},
		"deep nesting":     {map[string]string{"compose.yaml": "x: " + strings.Repeat("[", 50_000)}, ""},
		"deep mapping":     {map[string]string{"compose.yaml": web + "x-deep: " + strings.Repeat("{a: ", 5_000) + "1" + strings.Repeat("}", 5_000)}, "too deeply"},
		"not UTF-8":        {map[string]string{"compose.yaml": web + "# \xff\xfe\n"}, "not UTF-8"},
		"NUL":              {map[string]string{"compose.yaml": web + "x-a: \"\x00\"\n"}, ""},
		"a folder":         {map[string]string{"compose.yaml/x": ""}, "not a file"},
		"itself":           {map[string]string{"compose.yaml": "x-a: &a {<<: *a}\n" + web}, "holds it"},
		"merged itself":    {map[string]string{"compose.yaml": "services:\n  web: &a {build: ., <<: *a}\n"}, "holds it"},
		"two documents":    {map[string]string{"compose.yaml": web + "---\n" + web}, "several YAML documents"},
		"same key twice":   {map[string]string{"compose.yaml": "services:\n  web: {build: ., command: a}\n  web: {build: ., command: b}\n"}, ""},
		"env file":         {map[string]string{"compose.yaml": web, ".env": "A='unclosed\n"}, "KEY=value"},
		"large Procfile":   {map[string]string{"Procfile": strings.Repeat("web: a\n", 200_000)}, "larger than 1 MB"},
		"binary Procfile":  {map[string]string{"Procfile": "web: \xff\n"}, "not UTF-8"},
		"include itself":   {map[string]string{"compose.yaml": "include: [compose.yaml]\n" + web}, "circle"},
		"extends itself":   {map[string]string{"compose.yaml": "services: {web: {extends: {service: web}, build: ., command: a}}\n"}, ""},
		"extends in ring":  {map[string]string{"compose.yaml": "services: {web: {extends: {file: b.yaml, service: b}}}\n", "b.yaml": "services: {b: {extends: {file: compose.yaml, service: web}}}\n"}, ""},
		"include a list":   {map[string]string{"compose.yaml": "include: {a: b}\n" + web}, ""},
		"services a list":  {map[string]string{"compose.yaml": "services: [web]\n"}, ""},
		"service a number": {map[string]string{"compose.yaml": "services: {web: 1}\n"}, ""},
		"tag":              {map[string]string{"compose.yaml": "services: !!python/object {web: {}}\n"}, ""},
		"number names":     {map[string]string{"compose.yaml": "services: {1: {build: ., command: a}, 2: {build: .}}\n"}, ""},
		"bad name":         {map[string]string{"compose.yaml": "services: {\"a b\": {build: ., command: a}}\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &txtar.Archive{}
			for file, text := range c.files {
				a.Files = append(a.Files, txtar.File{Name: file, Data: []byte(text)})
			}
			dir, o := repository(t, a)
			_, err := manifest.Load(t.Context(), dir, o)
			if code := staging.CodeOf(err); code != "manifest" && code != "platform" {
				t.Fatalf("%s: %v", code, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not say %q", err, c.want)
			}
			if strings.Contains(err.Error(), dir) {
				t.Errorf("%v names a path of the host", err)
			}
		})
	}
}

// TestAPipeIsNoFile would wait for a writer for ever.
func TestAPipeIsNoFile(t *testing.T) {
	dir, o := repository(t, &txtar.Archive{})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte("include: [pipe.yaml]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Load(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Error(err)
	}
}

// TestManyIncludesAreBounded includes a diamond on a diamond.
func TestManyIncludesAreBounded(t *testing.T) {
	a := &txtar.Archive{}
	for i := range 20 {
		a.Files = append(a.Files, txtar.File{Name: fmt.Sprintf("c%d.yaml", i), Data: []byte(fmt.Sprintf("include: [c%d.yaml, c%d.yaml]\n", i+1, i+1))})
	}
	a.Files = append(a.Files, txtar.File{Name: "c20.yaml", Data: []byte("services: {web: {build: ., command: a}}\n")},
		txtar.File{Name: "compose.yaml", Data: []byte("include: [c0.yaml]\n")})
	dir, o := repository(t, a)
	if _, err := manifest.Load(t.Context(), dir, o); staging.CodeOf(err) != "manifest" {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/corpus/*.txtar", "testdata/stack/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			a, err := txtar.ParseFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, x := range a.Files {
				if strings.HasSuffix(x.Name, ".yaml") || strings.HasSuffix(x.Name, ".yml") {
					f.Add(x.Data, []byte("A=1\n"))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, compose, env []byte) {
		dir := t.TempDir()
		outside := filepath.Join(filepath.Dir(dir), "outside.yaml")
		for name, text := range map[string][]byte{filepath.Join(dir, "compose.yaml"): compose, filepath.Join(dir, ".env"): env, outside: []byte("services: {leaked: {build: ., command: leaked}}\n")} {
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, platform := range []string{"process", "docker"} {
			r, err := manifest.Load(t.Context(), dir, manifest.Options{Platform: platform})
			if code := staging.CodeOf(err); err != nil && code != "manifest" && code != "platform" {
				t.Fatalf("%s: %s: %v", platform, code, err)
			}
			if _, leaked := r.Stack.Service("leaked"); leaked && !strings.Contains(string(compose), "leaked") {
				t.Fatal("a file outside was read")
			}
			if err != nil {
				continue
			}
			if _, err := r.Overlay(); err != nil {
				t.Fatal(err)
			}
			closed(t, r.Stack)
		}
	})
}

// closed holds what is never in a stack that was not refused: a path that leads
// out of the checkout, and power over the host.
func closed(t *testing.T, s *staging.Stack) {
	t.Helper()
	for _, v := range slices.Concat(s.Services, s.OneShots) {
		var paths []string
		for _, m := range v.Mounts {
			if m.Kind == staging.MountCheckout {
				paths = append(paths, append(m.Keep, m.Source)...)
			}
			if !path.IsAbs(m.Target) {
				t.Errorf("%s mounts at %q", v.Name, m.Target)
			}
		}
		if b := v.ImageBuild; b != nil {
			paths = append(paths, b.Context, path.Join(b.Context, b.Dockerfile))
			for _, c := range b.Contexts {
				if !strings.HasPrefix(c, "service:") && !strings.HasPrefix(c, "docker-image://") {
					paths = append(paths, c)
				}
			}
			for _, x := range b.Secrets {
				paths = append(paths, x.File)
			}
		}
		for _, p := range paths {
			if p != "" && !filepath.IsLocal(p) {
				t.Errorf("%s names %q", v.Name, p)
			}
		}
		for _, name := range v.Container.CapAdd {
			if strings.HasSuffix(name, "_ADMIN") || name == "ALL" || name == "SYS_MODULE" || name == "SYS_RAWIO" {
				t.Errorf("%s has %s", v.Name, name)
			}
		}
		for name := range v.Container.Sysctls {
			if !strings.HasPrefix(name, "net.") && !strings.HasPrefix(name, "kernel.msg") && !strings.HasPrefix(name, "kernel.s") && !strings.HasPrefix(name, "fs.mqueue.") {
				t.Errorf("%s sets %s", v.Name, name)
			}
		}
	}
}

func FuzzProcfile(f *testing.F) {
	for _, s := range []string{"web: a\n", "web:\n", "# x\nweb: a\nrelease: b\n", "web: a\nweb: b\n", ": x\n", "web : x\n", "a-b_1: x: y # z\n"} {
		f.Add(s, "FROM x\nCMD [\"a\"]\n")
	}
	f.Add("x: y", "FROM a AS b\nENV A=1 B=\"2 3\" C\nENV K v w\nWORKDIR x\nFROM b\nENTRYPOINT [\"/x\", \"y\"]\nCMD a \\\n b\nEXPOSE 80/tcp 90\n")
	f.Fuzz(func(t *testing.T, procfile, dockerfile string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"Procfile": procfile, "Dockerfile": dockerfile} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := manifest.Load(t.Context(), dir, manifest.Options{})
		if code := staging.CodeOf(err); err != nil && code != "manifest" && code != "platform" {
			t.Fatalf("%s: %v", code, err)
		}
		if err != nil {
			return
		}
		for _, s := range r.Stack.Services {
			if s.Command.Empty() || s.Name == "" || strings.ContainsAny(s.Command.Shell, "\n") && s.File == "Procfile" {
				t.Fatalf("%+v", s)
			}
		}
	})
}
