package cli_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"offshoot/internal/cli"
)

func TestExitCodesAndStreams(t *testing.T) {
	for _, tt := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"version", 0, "offshoot ", ""},
		{"--help", 0, "staging environment for every branch", ""},
		{"share x", 4, "", "error: the command share is not in this build\nhint: "},
		{"create x --lite", 4, "", "error: create --lite is not in this build\nhint: "},
		{"server --platform kubernetes", 4, "", "error: the platform kubernetes is not in this build"},
		{"server --edge-listen 0.0.0.0:80", 4, "", "not in this build"},
		{"ls --server http://127.0.0.1:1", 7, "", "error: the server at http://127.0.0.1:1 cannot be reached"},
		{"destroy", 2, "", "error: ENV is missing\nhint: offshoot destroy ENV; for example: offshoot destroy feature/"},
		{"scale .", 2, "", "error: SERVICE=N… is missing\n"},
		{"exec . web", 2, "", "error: CMD… is missing\n"},
		{"extend . 24h x", 2, "", "error: \"x\" is too much\nhint: offshoot extend ENV DURATION"},
		{"nonsense", 2, "", "error: offshoot has no command \"nonsense\"\nhint: offshoot --help lists them"},
		{"creat", 2, "", "hint: did you mean: offshoot create\n"},
		{"list", 2, "", "hint: did you mean: offshoot ls"},
		{"project ad", 2, "", "hint: did you mean: offshoot project add\n"},
		{"version extra", 2, "", "error: \"extra\" is too much"},
		{"--nonsense", 2, "", "error: unknown flag"},
		{"ls --jsn", 2, "", "error: unknown flag: --jsn\nhint: did you mean: --json\n"},
		{"ls --al", 2, "", "hint: did you mean: --all\n"},
	} {
		var out, errs bytes.Buffer
		code := cli.Main(t.Context(), cli.Program{}, strings.Fields(tt.args), &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(errs.String(), tt.stderr) ||
			tt.stdout == "" && out.Len() > 0 || tt.stderr == "" && errs.Len() > 0 {
			t.Errorf("%q: code %d, stdout %q, stderr %q", tt.args, code, &out, &errs)
		}
	}
}

func TestJSONIsOneObject(t *testing.T) {
	for _, args := range []string{"version --json", "--json share x", "--json nonsense", "--nonsense --json", "create --lite --json", "show --json", "wait x --timeout soon --json"} {
		var out, errs bytes.Buffer
		cli.Main(t.Context(), cli.Program{}, strings.Fields(args), &out, &errs)
		var v map[string]any
		d := json.NewDecoder(&out)
		if err := d.Decode(&v); err != nil || d.More() {
			t.Errorf("%q prints %q: %v", args, &out, err)
		}
	}
}
