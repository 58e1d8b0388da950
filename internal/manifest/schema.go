package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"offshoot/internal/staging"
)

// malformed notes every value of a document that Compose's schema does not
// take; the loader stops at the first. It is called only where the loader has
// refused. Unknown keys are the table's to say.
func (r *reader) malformed(d *document) {
	var raw any
	if d.root.Decode(&raw) != nil {
		return
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(schema.Schema))
	if err != nil {
		return
	}
	c := jsonschema.NewCompiler()
	if c.AddResource("compose-spec.json", parsed) != nil {
		return
	}
	compiled, err := c.Compile("compose-spec.json")
	if err != nil {
		return
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(compiled.Validate(value), &invalid) {
		return
	}
	said := map[string]string{}
	leaves(invalid, func(at []string, what string) {
		key := strings.Join(at, "\x00")
		if have, ok := said[key]; !ok || what < have {
			said[key] = what
		}
	})
	for key, what := range said {
		at := strings.Split(key, "\x00")
		_, line := find(d.root, at, 0)
		if line > 0 {
			r.note(staging.NoteRefused, d.file, line, strings.Join(at, "."), what, "see https://docs.docker.com/reference/compose-file/")
		}
	}
	slices.SortStableFunc(r.notes, func(a, b staging.Note) int { return strings.Compare(a.Key, b.Key) })
}

// leaves are the innermost errors but those for keys that are unknown.
func leaves(e *jsonschema.ValidationError, each func(at []string, what string)) {
	for _, c := range e.Causes {
		leaves(c, each)
	}
	if len(e.Causes) > 0 {
		return
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties, *kind.FalseSchema:
	case *kind.Type:
		each(e.InstanceLocation, fmt.Sprintf("this cannot be a %s", named(k.Got)))
	case *kind.Pattern:
		each(e.InstanceLocation, "the value "+strconv.Quote(k.Got)+" does not have the form that Compose asks for")
	default:
		each(e.InstanceLocation, e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
}

// named is a JSON type in YAML's words.
func named(t string) string {
	switch t {
	case "object":
		return "mapping"
	case "array":
		return "list"
	}
	return t
}
