package imagebuild_test

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// leaves builds for a branch and answers what the image's /got holds.
func (h *host) leaves(branch, dockerfile string, build staging.ImageBuild, more map[string]string) string {
	h.Helper()
	files := map[string]string{"Dockerfile": "FROM " + base + "\n" + dockerfile}
	for name, content := range more {
		files[name] = content
	}
	built := h.built(h.spec(branch, files, build))
	return h.runs(imagebuild.Image(built.Artifact, "web"), "cat", "/got")
}

func TestABranchReachesNoOthersCacheFolders(t *testing.T) {
	h := newHost(t)
	dockerfile := func(n, word string) string {
		return "RUN --mount=type=cache,id=pkg,target=/c : " + n + "; cat /c/* > /got; echo " + word + " > /c/" + word + "\n"
	}
	h.leaves("main", dockerfile("1", "main"), staging.ImageBuild{}, nil)
	if got := h.leaves("bad", dockerfile("2", "bad"), staging.ImageBuild{Args: map[string]string{"BUILDKIT_CACHE_MOUNT_NS": "chosen"}}, nil); got != "" {
		t.Errorf("another branch sees %q", got)
	}
	if got := h.leaves("worse", dockerfile("3", "worse"), staging.ImageBuild{Args: map[string]string{"BUILDKIT_CACHE_MOUNT_NS": "chosen"}}, nil); got != "" {
		t.Errorf("a branch chose its folders: it sees %q", got)
	}
	if got := h.leaves("main", dockerfile("4", "again"), staging.ImageBuild{}, nil); got != "main\n" {
		t.Errorf("the branch itself sees %q of what it left", got)
	}
}

// TestABranchPutsNothingIntoOthersLayers builds the same step for two branches
// where BuildKit itself knows no difference.
func TestABranchPutsNothingIntoOthersLayers(t *testing.T) {
	h := newHost(t)
	for name, c := range map[string]struct {
		step      string
		bad, main staging.ImageBuild
		wantMain  string
	}{
		"secret": {"RUN --mount=type=secret,id=s cp /run/secrets/s /got; chmod 644 /got",
			staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "s", File: "bad"}}}, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "s", File: "good"}}}, "good"},
		"proxy": {`RUN printf "$http_proxy" > /got`,
			staging.ImageBuild{Args: map[string]string{"http_proxy": "http://bad.invalid"}}, staging.ImageBuild{}, ""},
		"host": {`RUN getent hosts registry | cut -d" " -f1 | tr -d "\n" > /got`,
			staging.ImageBuild{ExtraHosts: map[string][]string{"registry": {"10.6.6.6"}}}, staging.ImageBuild{ExtraHosts: map[string][]string{"registry": {"10.1.1.1"}}}, "10.1.1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			dockerfile := "RUN : " + h.project + "\n" + c.step + "\n"
			files := map[string]string{"bad": "bad", "good": "good"}
			bad := h.leaves("bad", dockerfile, c.bad, files)
			if got := h.leaves("main", dockerfile, c.main, files); got != c.wantMain || got == bad {
				t.Errorf("after a branch left %q main has %q", bad, got)
			}
			h.said()
			if h.leaves("other", dockerfile, c.main, files); strings.Count(h.said(), "cached") < 2 {
				t.Error("a branch that differs in nothing does all again")
			}
		})
	}
}

func TestOnlyDockersReaderReadsADockerfile(t *testing.T) {
	h := newHost(t)
	for _, head := range []string{"# syntax=evil/frontend:1", "#syntax = registry.example.com/docker/dockerfile:1", "# escape=`\n#  SYNTAX=docker/dockerfile-evil", "#!/bin/x\n// syntax=evil/x"} {
		h.fails(h.spec("bad", map[string]string{"Dockerfile": head + "\nFROM scratch\nCOPY . /\n"}, staging.ImageBuild{}), staging.ClassPolicy, "only docker/dockerfile may")
	}
	h.fails(h.spec("bad", map[string]string{"Dockerfile": `{"syntax": "evil/x"}`}, staging.ImageBuild{}), staging.ClassPolicy, "evil/x")
	h.fails(h.spec("bad", map[string]string{"Dockerfile": "FROM scratch\n"}, staging.ImageBuild{Args: map[string]string{"BUILDKIT_SYNTAX": "evil/x"}}), staging.ClassPolicy, "evil/x")
}

func TestOnlyTheBaseBranchBringsLayers(t *testing.T) {
	h := newHost(t)
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}
	build := staging.ImageBuild{CacheFrom: []string{"127.0.0.1:9/cache:1"}}
	h.built(h.spec("bad", files, build))
	if said := h.said(); !strings.Contains(said, "cache_from is for main alone") || strings.Contains(said, "importing cache") {
		t.Errorf("a branch's build says\n%s", said)
	}
	h.built(h.spec("main", files, build))
	if said := h.said(); !strings.Contains(said, "importing cache manifest from 127.0.0.1:9/cache:1") {
		t.Errorf("the base branch's build says\n%s", said)
	}
}

func TestNoCopyOfACheckoutStays(t *testing.T) {
	h := newHost(t)
	begun := time.Now()
	h.built(h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}, staging.ImageBuild{}))
	h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY none /\n"}, staging.ImageBuild{}), staging.ClassBuild)
	usage, err := h.engine.DiskUsage(h.ctx, client.DiskUsageOptions{BuildCache: true, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range usage.BuildCache.Items {
		if strings.HasPrefix(r.Description, "local source for ") && !r.InUse && r.CreatedAt.After(begun) {
			t.Errorf("%s is left", r.Description)
		}
	}
}
