package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/cli"
)

func TestTheServersFile(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, file, env, flags string
		code                   int
		said                   string
	}{
		{"file", "domain: file.example\nsleep: 10m\nverbose: true\n", "", "", 0, "file.example"},
		{"variable before file", "domain: file.example", "env.example", "", 0, "env.example"},
		{"flag before both", "domain: file.example", "env.example", "--domain flag.example", 0, "flag.example"},
		{"empty", "", "", "", 0, "localhost"},
		{"unknown key", "domain: x.example\n\ndomian: y\n", "", "", 2, "c.yaml:3: domian: unknown key"},
		{"no duration", "domain: x\nsleep: soon\n", "", "", 2, "c.yaml:2: sleep: "},
		{"no value", "domain: [a]\n", "", "", 2, "c.yaml:1: domain: not one value"},
		{"no keys", "- domain\n", "", "", 2, "c.yaml:1: not a list of keys"},
		{"no YAML", "domain: \"x\n", "", "", 2, "c.yaml: "},
		{"the file itself", "config: other.yaml\n", "", "", 2, "config: unknown key"},
	} {
		path := filepath.Join(dir, "c.yaml")
		if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("OFFSHOOT_DOMAIN", tt.env)
		var out, errs bytes.Buffer
		domain := ""
		p := cli.Program{Serve: func(_ context.Context, o cli.ServerOptions, _ func(api, edge string)) error {
			domain = o.Domain
			return nil
		}}
		code := cli.Main(t.Context(), p, append([]string{"server", "--config", path}, strings.Fields(tt.flags)...), &out, &errs)
		if code != tt.code || !strings.Contains(domain+errs.String(), tt.said) {
			t.Errorf("%s: %d %q %s", tt.name, code, domain, &errs)
		}
	}
	for flag, want := range map[string]string{"": "offshoot ready api=http://a edge=http://e\n", "--json": "{\n  \"api\": \"http://a\",\n  \"edge\": \"http://e\",\n  \"ready\": true\n}\n"} {
		var out, errs bytes.Buffer
		p := cli.Program{Serve: func(_ context.Context, _ cli.ServerOptions, ready func(api, edge string)) error {
			ready("http://a", "http://e")
			return nil
		}}
		if code := cli.Main(t.Context(), p, append([]string{"server"}, strings.Fields(flag)...), &out, &errs); code != 0 || out.String() != want {
			t.Errorf("server %s: %d %q %s", flag, code, &out, &errs)
		}
	}
	var out, errs bytes.Buffer
	if code := cli.Main(t.Context(), cli.Program{}, []string{"server", "--help"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "Keys: data-dir, docker-host, domain, edge-listen") {
		t.Errorf("help: %s", &out)
	}
	if code := cli.Main(t.Context(), cli.Program{}, []string{"server", "--config", "/no/such/file"}, &out, &errs); code != 3 {
		t.Errorf("no file: %d", code)
	}
}
