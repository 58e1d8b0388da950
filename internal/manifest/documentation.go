package manifest

import (
	_ "embed"
	"fmt"
	"reflect"
	"strings"
)

//go:embed documentation.md
var introduction string

// Documentation is docs/compose.md: an introduction, then the table of
// Offshoot's own keys and that of Compose's, as the code has them.
func Documentation() string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n## Keys of x-offshoot\n\nAt the top of the file:\n\n| key | meaning |\n| --- | --- |\n")
	extensionRows(&b, "", reflect.TypeFor[stackExtension]())
	b.WriteString("\nOf a service:\n\n| key | meaning |\n| --- | --- |\n")
	extensionRows(&b, "", reflect.TypeFor[serviceExtension]())
	b.WriteString("\n## Keys of Compose\n\nWhat stands below an ignored or refused key shares its fate.\n\n| key | as processes | | on Docker | |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range keys {
		docker := fmt.Sprintf("%s | %s", k.Docker.Treatment, k.Docker.Why)
		if k.Docker == k.Process {
			docker = "the same |"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.ReplaceAll(k.Name, "*", "NAME"), k.Process.Treatment, k.Process.Why, docker)
	}
	return b.String()
}

func extensionRows(b *strings.Builder, prefix string, t reflect.Type) {
	for f := range t.Fields() {
		name := prefix + f.Tag.Get("json")
		fmt.Fprintf(b, "| %s | %s |\n", name, f.Tag.Get("doc"))
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Map {
			if inner.Kind() == reflect.Map {
				name += ".NAME"
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.NumField() > 0 && inner.Field(0).Tag.Get("doc") != "" {
			extensionRows(b, name+".", inner)
		}
	}
}
