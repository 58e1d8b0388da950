//go:build linux

package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"offshoot/internal/platform/process/shim"
)

// toolchains are the programs of this host that workloads find.
type toolchains struct {
	// path are folders, in the order of the server's own PATH.
	path []string
	// mounts show those that lie in a home. They are programs and nothing
	// else, so that showing them tells no secret of whose home it is.
	mounts []shim.Mount
	// skipped says which folders were left out and why.
	skipped []string
}

// usualPath is what a PATH ends with where it lacks it.
var usualPath = []string{"/usr/local/go/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// ownPath is where a folder's own programs are.
var ownPath = []string{".venv/bin", "node_modules/.bin", "bin"}

// managers are the folders of homes in which version managers keep toolchains
// and nothing else.
var managers = []string{".pyenv", ".rbenv", ".nodenv", ".goenv", ".nvm", ".sdkman", ".nodebrew"}

// findToolchains sorts the folders of a PATH into those that workloads can
// see and those that they cannot.
func findToolchains(list string, a abilities) toolchains {
	var t toolchains
	for _, dir := range filepath.SplitList(list) {
		if info, err := os.Stat(dir); !filepath.IsAbs(dir) || err != nil || !info.IsDir() || slices.Contains(t.path, filepath.Clean(dir)) {
			continue
		}
		dir = filepath.Clean(dir)
		root, managed := manager(dir)
		closed := closedAbove(dir)
		switch {
		case slices.ContainsFunc(shim.SystemFolders, func(f string) bool { return dir == f || strings.HasPrefix(dir, f+"/") }):
		case a.shape == ShapePlain && (closed == "" || !a.users):
		case a.shape != ShapePlain && managed:
			m := shim.Mount{Source: root, Target: root, ReadOnly: true}
			if !slices.ContainsFunc(t.mounts, func(x shim.Mount) bool { return x.Source == root }) {
				t.mounts = append(t.mounts, m)
			}
		case closed != "":
			t.skip(dir, shim.HideHome(closed)+" is closed to other users")
			continue
		default:
			t.skip(dir, "it is no folder of the system's programs")
			continue
		}
		t.path = append(t.path, dir)
	}
	for _, dir := range usualPath {
		if !slices.Contains(t.path, dir) {
			t.path = append(t.path, dir)
		}
	}
	return t
}

func (t *toolchains) skip(dir, why string) {
	remark := "PATH entry " + shim.HideHome(dir) + " is skipped: " + why + "; programs for builds belong in /usr/local or /opt"
	if !slices.Contains(t.skipped, remark) { // a PATH may name it twice
		t.skipped = append(t.skipped, remark)
	}
}

// manager is the folder of a version manager that a folder lies in.
func manager(dir string) (string, bool) {
	for above := dir; above != "/"; above = filepath.Dir(above) {
		if slices.Contains(managers, filepath.Base(above)) {
			return above, true
		}
	}
	return "", false
}

// closedAbove is the first folder on the way that others may not pass.
func closedAbove(dir string) string {
	way := "/"
	for _, part := range strings.Split(strings.Trim(dir, "/"), "/") {
		way = filepath.Join(way, part)
		if info, err := os.Stat(way); err != nil || info.Mode().Perm()&0o001 == 0 {
			return way
		}
	}
	return ""
}

// search is the PATH of what starts in a folder: the programs of the checkout
// lead it, those of the folder first, then those of the folders it lies in.
func (t toolchains) search(dir string) string {
	var list []string
	if rel, err := filepath.Rel(appDir, dir); err != nil || !filepath.IsLocal(rel) {
		dir = appDir
	}
	for ; ; dir = filepath.Dir(dir) {
		for _, own := range ownPath {
			list = append(list, filepath.Join(dir, own))
		}
		if dir == appDir {
			return strings.Join(append(list, t.path...), ":")
		}
	}
}
