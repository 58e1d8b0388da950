package manifest_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"

	"offshoot/internal/manifest"
)

const documentation = "../../docs/compose.md"

// TestDocumentation holds docs/compose.md to the tables of the code;
// `make generate` writes it.
func TestDocumentation(t *testing.T) {
	want := manifest.Documentation() + worldDocument(t)
	if *update {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(documentation); err != nil || string(text) != want {
		t.Errorf("docs/compose.md is not what the tables say (%v): make generate", err)
	}
	for line := range strings.Lines(want) {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|") == 3 && strings.HasSuffix(line, "|  |\n") {
			t.Errorf("a key without a meaning: %s", line)
		}
	}
}

// TestEveryKeyOfComposeHasARow walks Compose's own schema.
func TestEveryKeyOfComposeHasARow(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal([]byte(schema.Schema), &root); err != nil {
		t.Fatal(err)
	}
	rows := map[string]manifest.Key{}
	for _, k := range manifest.Keys() {
		if _, twice := rows[k.Name]; twice {
			t.Errorf("two rows for %s", k.Name)
		}
		for _, rule := range []manifest.Rule{k.Process, k.Docker} {
			if rule.Treatment != manifest.Honoured && rule.Why == "" {
				t.Errorf("%s is %s without a reason", k.Name, rule.Treatment)
			}
		}
		rows[k.Name] = k
	}
	seen := map[string]bool{}
	var walk func(name string, node any, depth int)
	walk = func(name string, node any, depth int) {
		n, _ := node.(map[string]any)
		if ref, ok := n["$ref"].(string); ok {
			defs, _ := root["$defs"].(map[string]any)
			if defs == nil {
				defs, _ = root["definitions"].(map[string]any)
			}
			n, _ = defs[ref[strings.LastIndexByte(ref, '/')+1:]].(map[string]any)
		}
		for _, combined := range []string{"oneOf", "anyOf", "allOf"} {
			list, _ := n[combined].([]any)
			for _, e := range list {
				walk(name, e, depth)
			}
		}
		if items, ok := n["items"]; ok {
			walk(name, items, depth)
		}
		properties, _ := n["properties"].(map[string]any)
		patterns, _ := n["patternProperties"].(map[string]any)
		for pattern, p := range patterns {
			if !strings.HasPrefix(pattern, "^x-") && slices.Contains([]string{"services", "volumes", "configs", "secrets"}, name) {
				walk(name+".*", p, depth+1)
			}
		}
		for key, p := range properties {
			full := key
			if name != "" {
				full = name + "." + key
			}
			seen[full] = true
			row, ok := rows[full]
			if !ok {
				parent := rows[name]
				// A key that is honoured whole needs no rows below.
				if name == "" || strings.HasSuffix(name, ".*") || hasRowsBelow(rows, name) || parent.Name == "" {
					t.Errorf("no row for %s", full)
				}
				continue
			}
			if (row.Process.Treatment == manifest.Honoured || row.Docker.Treatment == manifest.Honoured) && depth < 6 {
				walk(full, p, depth+1)
			}
		}
	}
	walk("", root, 0)
	for name := range rows {
		if !seen[name] && !strings.Contains(name, "reservations.") {
			t.Errorf("%s is no key of Compose", name)
		}
	}
}

func hasRowsBelow(rows map[string]manifest.Key, name string) bool {
	for row := range rows {
		if strings.HasPrefix(row, name+".") {
			return true
		}
	}
	return false
}
