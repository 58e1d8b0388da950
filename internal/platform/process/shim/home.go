package shim

import "strings"

// HideHome writes a folder of somebody's home as ~: messages are read by people
// who need not know whose home a server runs from.
func HideHome(dir string) string {
	if rest, ok := strings.CutPrefix(dir, "/root"); ok && (rest == "" || rest[0] == '/') {
		return "~" + rest
	}
	for _, homes := range []string{"/home/", "/Users/"} {
		if rest, ok := strings.CutPrefix(dir, homes); ok && rest != "" {
			_, below, deeper := strings.Cut(rest, "/")
			if deeper {
				return "~/" + below
			}
			return "~"
		}
	}
	return dir
}
