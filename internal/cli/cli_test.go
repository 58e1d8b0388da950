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
		{"create x", 4, "", "error: the command create is not in this build\nhint: "},
		{"nonsense", 2, "", "error: unknown command"},
		{"version extra", 2, "", "error: "},
		{"--nonsense", 2, "", "error: unknown flag"},
	} {
		var out, errs bytes.Buffer
		code := cli.Main(strings.Fields(tt.args), &out, &errs)
		if code != tt.code || !strings.Contains(out.String(), tt.stdout) || !strings.Contains(errs.String(), tt.stderr) ||
			tt.stdout == "" && out.Len() > 0 || tt.stderr == "" && errs.Len() > 0 {
			t.Errorf("%q: code %d, stdout %q, stderr %q", tt.args, code, &out, &errs)
		}
	}
}

func TestJSONIsOneObject(t *testing.T) {
	for _, args := range []string{"version --json", "--json create x", "--json nonsense"} {
		var out, errs bytes.Buffer
		cli.Main(strings.Fields(args), &out, &errs)
		var v map[string]any
		d := json.NewDecoder(&out)
		if err := d.Decode(&v); err != nil || d.More() {
			t.Errorf("%q prints %q: %v", args, &out, err)
		}
	}
}
