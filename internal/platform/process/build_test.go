//go:build linux

package process_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

// build is one of a branch, each with a content of its own.
func build(t *testing.T, name, branch, key, command string, cached ...string) platform.Resource {
	t.Helper()
	checkout := folder(t)
	if err := os.WriteFile(filepath.Join(checkout, "code"), []byte(branch), 0o644); err != nil {
		t.Fatal(err)
	}
	return platform.Resource{Kind: staging.ResourceBuild, Name: "env_a/build/" + name, Owner: "env_a", SpecHash: key,
		Build: &staging.BuildSpec{Project: "shop", Key: strings.Repeat(key, 16), Checkout: checkout, Branch: branch, BaseBranch: "main", Timeout: time.Minute,
			Env:   map[string]string{mark: "1"},
			Steps: []staging.BuildStep{{Name: "web", Command: staging.Command{Shell: command}, Cache: cached}}}}
}

func (h *host) built(r platform.Resource) string {
	h.Helper()
	o, out := h.run(r)
	if o.ExitCode == nil || *o.ExitCode != 0 {
		h.Fatalf("%s: %+v\n%s", r.Name, o, out)
	}
	return out
}

func TestABranchReachesNoOthersCache(t *testing.T) {
	h := newHost(t)
	h.built(build(t, "1", "main", "1", `mkdir -p ~/c; echo main > ~/c/of; echo keep > ~/c/keep`))
	if out := h.built(build(t, "2", "bad", "2", `cat ~/c/of ~/c/keep; echo poison > ~/c/of; rm ~/c/keep; rm -rf ~/c; mkdir ~/c; echo bad > ~/c/own`)); !strings.Contains(out, "main\nkeep\n") {
		t.Errorf("a branch's first build does not begin with what main's left:\n%s", out)
	}
	if out := h.built(build(t, "3", "good", "3", `cat ~/c/of ~/c/keep; ls ~/c`)); !strings.Contains(out, "main\nkeep\nkeep\nof\n") {
		t.Errorf("another branch sees what is not main's:\n%s", out)
	}
	if out := h.built(build(t, "4", "main", "4", `cat ~/c/of ~/c/keep`)); !strings.Contains(out, "main\nkeep\n") {
		t.Errorf("main sees what a branch did:\n%s", out)
	}
	if out := h.built(build(t, "5", "bad", "5", `ls ~/c`)); !strings.Contains(out, "own") || strings.Contains(out, "of") || strings.Contains(out, "keep") {
		t.Errorf("the branch's own cache is not as it left it:\n%s", out)
	}
}

func TestManyBuildsAreOneCache(t *testing.T) {
	h := newHost(t)
	h.built(build(t, "first", "main", "a", `echo base > ~/base; mkdir ~/gone; echo x > ~/gone/x`))
	h.built(build(t, "second", "main", "b", `rm -r ~/gone; cat ~/base`))
	for i, key := range []string{"c", "d", "e", "f", "0", "1", "2", "3", "4", "5"} {
		h.built(build(t, key, "main", key, `echo `+key+` >> ~/list; ls ~/gone 2>/dev/null && exit 9; exit 0`))
		if i == 9 {
			break
		}
	}
	if out := h.built(build(t, "last", "main", "6", `cat ~/base; tr -d '\n' < ~/list; ls ~`)); !strings.Contains(out, "base\ncdef012345") || strings.Contains(out, "gone") {
		t.Errorf("after many builds:\n%s", out)
	}
	layers, _ := filepath.Glob(filepath.Join(h.dir, "cache", "shop", "*", "0*"))
	if len(layers) > 9 {
		t.Errorf("%d layers are left", len(layers))
	}
}

func TestAFailedBuildLeavesNoCache(t *testing.T) {
	h := newHost(t)
	r := build(t, "bad", "main", "1", `echo broken > ~/c; exit 1`)
	if o, _ := h.run(r); o.ExitCode == nil || *o.ExitCode != 1 {
		t.Fatalf("%+v", o)
	}
	if out := h.built(build(t, "good", "main", "2", `ls ~`)); strings.Contains(out, "c\n") {
		t.Errorf("it finds what a failed build left:\n%s", out)
	}
}

func TestPathsOfTheCheckoutAreKept(t *testing.T) {
	h := newHost(t)
	if shape() == process.ShapePlain {
		t.Skip("where builds have folders of their own their paths are not kept")
	}
	h.built(build(t, "1", "main", "1", `mkdir node_modules; echo one > node_modules/a`, "node_modules"))
	if out := h.built(build(t, "2", "new", "2", `cat node_modules/a; echo two > node_modules/a`, "node_modules")); !strings.Contains(out, "one\n") {
		t.Errorf("the first build of a branch begins without main's:\n%s", out)
	}
	if out := h.built(build(t, "3", "new", "3", `cat node_modules/a`, "node_modules")); !strings.Contains(out, "two\n") {
		t.Errorf("the second begins without its own:\n%s", out)
	}
	if out := h.built(build(t, "4", "main", "4", `cat node_modules/a`, "node_modules")); !strings.Contains(out, "one\n") {
		t.Errorf("main has a branch's:\n%s", out)
	}
	r := build(t, "5", "main", "5", `true`, "../../etc")
	if _, err := h.Apply(h.ctx, r); err == nil {
		t.Error("a path outside of the checkout was taken")
	}
}

func TestTwoBuildsOfABranchAtOnce(t *testing.T) {
	h := newHost(t)
	command := `mkdir -p ~/c; echo $$ > ~/c/a; sleep 0.3; [ "$(cat ~/c/a)" = $$ ] || exit 9; cp ~/c/a ~/c/b`
	one, two := build(t, "1", "main", "1", command), build(t, "2", "main", "2", command)
	h.apply(one)
	h.apply(two)
	for _, r := range []platform.Resource{one, two} {
		if o := h.until(r, exited); o.ExitCode == nil || *o.ExitCode != 0 {
			t.Errorf("%+v\n%s", o, h.logs(r))
		}
	}
	h.built(build(t, "3", "main", "3", `cmp ~/c/a ~/c/b`))
}

func TestABuildThatIsCancelledLeavesNothing(t *testing.T) {
	h := newHost(t)
	r := build(t, "slow", "main", "1", `(setsid sh -c "trap '' TERM HUP; while :; do sleep 60; done" &); echo up; while :; do sleep 60; done`)
	h.apply(r)
	h.says(r, "up")
	if err := h.Delete(h.ctx, ref(r)); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if found, _ := filepath.Glob(filepath.Join(h.dir, "env", "env_a", "app", "*")); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
}

func TestALongBuildSaysThatItGoesOn(t *testing.T) {
	h := newHost(t)
	closed := closedFolder(t)
	d, err := process.New(process.Config{Dir: h.dir, Log: slog.New(slog.DiscardHandler), Shape: shape(), Silence: 100 * time.Millisecond,
		Path: "/usr/bin:/bin:/nonexistent:" + closed + ":" + closed})
	if err != nil {
		t.Fatal(err)
	}
	h.Driver = d
	r := build(t, "long", "main", "1", `while :; do sleep 60; done`)
	r.Build.Timeout = time.Second
	h.apply(r)
	o := h.until(r, exited)
	if o.ExitCode == nil || *o.ExitCode != shim.CodeTimeout || !strings.Contains(o.Reason, "longer than 1s") {
		t.Errorf("%+v", o)
	}
	remarks := ""
	err = h.Logs(h.ctx, platform.LogQuery{Owner: "env_a", Tail: -1}, func(l platform.LogLine) error {
		if l.Stream == "offshoot" {
			remarks += string(l.Text) + "\n"
		}
		return nil
	})
	if err != nil || !strings.Contains(remarks, "still building, 1s\n") && !strings.Contains(remarks, "still building, 0s\n") {
		t.Errorf("%v\n%s", err, remarks)
	}
	if shape() != process.ShapePlain && (!strings.Contains(remarks, "is skipped: ") || !strings.Contains(remarks, "is closed to other users")) {
		t.Errorf("nothing is said of PATH:\n%s", remarks)
	}
	if n := strings.Count(remarks, "PATH entry "+closed+" is skipped"); n > 1 {
		t.Errorf("an entry that PATH has twice is remarked %d times:\n%s", n, remarks)
	}
}

// closedFolder is one that others may not enter, as homes are.
func closedFolder(t *testing.T) string {
	t.Helper()
	home := folder(t)
	bin := filepath.Join(home, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestPruneKeepsWhatIsUsed(t *testing.T) {
	h := newHost(t)
	old, used := build(t, "old", "gone", "1", `echo x > ~/x`), build(t, "used", "main", "2", `echo x > ~/x`)
	h.built(old)
	h.built(used)
	oldArtifact := h.until(old, exited).Ref
	usedArtifact := h.until(used, exited).Ref
	long := time.Now().Add(-30 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for _, a := range []string{oldArtifact, usedArtifact} {
		if err := os.WriteFile(a+".json", []byte(`{"at":"`+long+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	caches, _ := filepath.Glob(filepath.Join(h.dir, "cache", "shop", "*", "cache.json"))
	if len(caches) != 2 {
		t.Fatalf("caches %v", caches)
	}
	for _, c := range caches {
		text, _ := os.ReadFile(c)
		i, j := strings.Index(string(text), `"at":"`), strings.LastIndex(string(text), `"`)
		if err := os.WriteFile(c, []byte(string(text[:i+6])+long+string(text[j:])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Prune(h.ctx, map[string]bool{usedArtifact: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(oldArtifact); err == nil {
		t.Error("an old artifact is kept")
	}
	if _, err := os.Stat(usedArtifact); err != nil {
		t.Error(err)
	}
	if caches, _ := filepath.Glob(filepath.Join(h.dir, "cache", "shop", "*", "cache.json")); len(caches) != 0 {
		t.Errorf("old caches are kept: %v", caches)
	}
}

func TestABuildThatEatsMemoryIsTold(t *testing.T) {
	h := newHost(t)
	limitsMemory(t, h.Driver)
	r := build(t, "eat", "main", "a", `x=0123456789; while :; do x=$x$x; done`)
	r.Build.Limits.Memory = 32 << 20
	if o, out := h.run(r); o.ExitCode == nil || *o.ExitCode == 0 || !strings.Contains(o.Reason, "out of memory (limit 32 MB)") {
		t.Errorf("%+v\n%s", o, out)
	}
}
