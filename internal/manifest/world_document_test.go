package manifest_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// worldDocument is the part of docs/compose.md that says how published Compose
// files fare, from the recorded verdicts.
func worldDocument(t *testing.T) string {
	t.Helper()
	list, verdicts := lines(t, worldList), lines(t, worldVerdicts)
	if len(list) < 200 || len(list) != len(verdicts) {
		t.Errorf("%d published files and %d verdicts", len(list), len(verdicts))
	}
	repositories := map[string]bool{}
	for _, row := range list {
		repositories[row[0]] = true
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## What becomes of published Compose files\n\n%d Compose files of %d public repositories, listed in\n`internal/manifest/testdata/world` with the commit and why each is there, were\nread as they are; `tools/corpus/fetch` fetches them, and a test holds what is\nrecorded of each. An example of variables beside a file was given as a team\nwould give it, and what a file demands without a default has a value made up. Files\nthat only mean something over another one were left out.\n\n",
		len(list), len(repositories))
	b.WriteString("| | on Docker | as processes |\n| --- | --- | --- |\n")
	count := func(column int, prefix string) int {
		n := 0
		for _, row := range verdicts {
			if strings.HasPrefix(row[column], prefix) {
				n++
			}
		}
		return n
	}
	for _, kind := range []struct{ title, prefix string }{{"become an environment unchanged, without a note", "unchanged"},
		{"become one unchanged; check notes what is ignored, guessed or has no value", "with notes"}, {"are refused", "refused"}} {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", kind.title, count(2, kind.prefix), count(3, kind.prefix))
	}
	b.WriteString("\nWhy files are refused; one may have several reasons.\n\n| reason | on Docker | as processes |\n| --- | --- | --- |\n")
	reasons := map[string]*[2]int{}
	for _, row := range verdicts {
		for column := range 2 {
			said := map[string]bool{}
			text, refused := strings.CutPrefix(row[2+column], "refused: ")
			for reason := range strings.SplitSeq(text, "; ") {
				if name := group(reason); refused && !said[name] {
					said[name] = true
					if reasons[name] == nil {
						reasons[name] = &[2]int{}
					}
					reasons[name][column]++
				}
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(reasons), func(x, y string) int {
		return cmp.Or(cmp.Compare(reasons[y][0], reasons[x][0]), cmp.Compare(reasons[y][1], reasons[x][1]), strings.Compare(x, y))
	}) {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", name, reasons[name][0], reasons[name][1])
	}
	return b.String()
}

// group is what a recorded reason is counted as.
func group(reason string) string {
	key, message, _ := strings.Cut(reason, ": ")
	switch {
	case reason == "an image":
		return "a service is an image, which no process can be"
	case reason == "no command":
		return "neither Compose nor the Dockerfile says what runs"
	case key == "mount" && strings.HasPrefix(message, "sockets"):
		return "a socket of the host is mounted, mostly the engine's"
	case key == "mount":
		return "a path outside the repository is mounted"
	case strings.Contains(message, "build context"), strings.Contains(message, "the repository has no"):
		return "the repository lacks what is built"
	case strings.Contains(message, "lies elsewhere"):
		return "it is built from another repository"
	case strings.HasPrefix(key, "secrets"):
		return "a secret comes from outside"
	case key == "services":
		return "no service: data servers alone, or all in profiles"
	case strings.Contains(message, "waits for"):
		return "a service waits for one that is not there"
	case key == "(file)":
		return "variables have no value"
	case strings.Contains(message, "is to lie at"):
		return "a file is to lie where the host's programs are"
	case strings.Contains(message, "Solr"):
		return "Solr is not in this build"
	}
	row := key[strings.LastIndexByte(key, '.')+1:]
	return "`" + row + "` gives power over the host or others"
}
