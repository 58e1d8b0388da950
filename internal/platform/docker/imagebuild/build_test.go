package imagebuild_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

func TestAnImageIsBuiltAsItsStackSays(t *testing.T) {
	h := newHost(t)
	spec := h.spec("main", map[string]string{
		"app/docker/web.Dockerfile": "FROM " + base + " AS one\nARG GREETING\nCOPY . /app\nRUN echo \"$GREETING\" > /greeting && getent hosts billing > /hosts\n" +
			"FROM one AS two\nRUN exit 9\n",
		"app/a.txt": "a", "app/skipped.log": "x", "app/.dockerignore": "*.log\n",
	}, staging.ImageBuild{Context: "app", Dockerfile: "docker/web.Dockerfile", Target: "one", Args: map[string]string{"GREETING": "hello"},
		Labels: map[string]string{"team": "shop", "offshoot.image.server": "other", "offshoot.owner": "other"}, ExtraHosts: map[string][]string{"billing": {"10.9.8.7"}}})
	built := h.built(spec)
	ref := imagebuild.Image(built.Artifact, "web")
	if want := "offshoot/" + h.project + "/web:" + spec.Key; ref != want {
		t.Errorf("it is called %q, not %q", ref, want)
	}
	info, err := h.Inspect(h.ctx, ref)
	if err != nil || info.ID != built.Images["web"] || info.ID == "" {
		t.Errorf("its id is %q, not %q: %v", built.Images["web"], info.ID, err)
	}
	if _, ok := info.Labels["offshoot.owner"]; ok || info.Labels["team"] != "shop" || info.Labels["offshoot.image.server"] != h.server || info.Labels["offshoot.image.key"] != spec.Key {
		t.Errorf("labels %v", info.Labels)
	}
	if out := h.runs(ref, "sh", "-c", "cat /greeting /hosts; ls /app"); !strings.HasPrefix(out, "hello\n10.9.8.7") || !strings.Contains(out, "a.txt") || strings.Contains(out, "skipped") {
		t.Errorf("it holds\n%s", out)
	}
	said := h.said()
	for _, want := range []string{"web: #", "RUN echo", "done in "} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing says %q:\n%s", want, said)
		}
	}
}

func TestADockerfileOfTheStack(t *testing.T) {
	h := newHost(t)
	spec := h.spec("main", map[string]string{"hello.txt": "hello"}, staging.ImageBuild{Inline: "FROM scratch\nCOPY hello.txt /\nCMD [\"/hello.txt\"]\nUSER 7\nEXPOSE 80\nVOLUME /data\n"})
	built := h.built(spec)
	info, err := h.Inspect(h.ctx, imagebuild.Image(built.Artifact, "web"))
	if err != nil {
		t.Fatal(err)
	}
	if info.User != "7" || strings.Join(info.Ports, " ") != "80/tcp" || strings.Join(info.Volumes, " ") != "/data" || strings.Join(info.Command, " ") != "/hello.txt" ||
		!strings.HasPrefix(info.Platform, "linux/") {
		t.Errorf("%+v", info)
	}
}

func TestADockerfilesOwnIgnore(t *testing.T) {
	h := newHost(t)
	built := h.built(h.spec("main", map[string]string{
		"Dockerfile": "FROM " + base + "\nCOPY . /app\n", "Dockerfile.dockerignore": "left\n", ".dockerignore": "kept\n", "left": "", "kept": "",
	}, staging.ImageBuild{}))
	if out := h.runs(imagebuild.Image(built.Artifact, "web"), "ls", "/app"); !strings.Contains(out, "kept") || strings.Contains(out, "left") {
		t.Errorf("it holds\n%s", out)
	}
}

func TestImagesThatBeginWithOthers(t *testing.T) {
	h := newHost(t)
	files := map[string]string{
		"base/Dockerfile": "FROM " + base + "\nRUN echo of-base > /base\n",
		"web/Dockerfile":  "ARG X=1\nFROM common\nCOPY --from=shared lib.txt /lib.txt\n",
		"shared/lib.txt":  "of-shared",
	}
	spec := h.spec("main", files,
		staging.ImageBuild{Name: "web", Context: "web", Contexts: map[string]string{"common": "service:Base_Image", "shared": "shared"}},
		staging.ImageBuild{Name: "Base_Image", Context: "base"},
		staging.ImageBuild{Name: "worker", Context: "base"})
	built := h.built(spec)
	if len(built.Images) != 3 || built.Images["Base_Image"] != built.Images["worker"] || built.Images["web"] == built.Images["worker"] {
		t.Errorf("images %v", built.Images)
	}
	if out := h.runs(imagebuild.Image(built.Artifact, "web"), "cat", "/base", "/lib.txt"); out != "of-base\nof-shared" {
		t.Errorf("it holds %q", out)
	}
	if n := strings.Count(h.said(), "RUN echo of-base"); n != 1 {
		t.Errorf("one build of two names was done %d times", n)
	}
	if n := len(h.images(h.ctx)); n != 2 {
		t.Errorf("%d images are left", n)
	}

	loop := h.spec("main", files, staging.ImageBuild{Name: "a", Contexts: map[string]string{"x": "service:b"}}, staging.ImageBuild{Name: "b", Contexts: map[string]string{"x": "service:a"}})
	h.fails(loop, staging.ClassManifest, "its own image")
	h.fails(h.spec("main", files, staging.ImageBuild{Contexts: map[string]string{"x": "service:none"}}), staging.ClassManifest, "none, which is not built")
}

func TestEqualKeysAreBuiltOnce(t *testing.T) {
	var engine *cut
	h := newHost(t, func(c *imagebuild.Config) {
		engine = &cut{Client: c.Engine.(*client.Client)}
		c.Engine = engine
	})
	spec := h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nRUN cat /proc/sys/kernel/random/uuid > /id\n"}, staging.ImageBuild{NoCache: true})
	if artifact, err := h.Kept(h.ctx, spec); err != nil || artifact != "" {
		t.Fatalf("kept before it was built: %q, %v", artifact, err)
	}
	var both sync.WaitGroup
	ids := make([]string, 2)
	for i := range ids {
		both.Go(func() {
			built, err := h.Build(h.ctx, spec, imagebuild.Options{Progress: h.tell})
			if err != nil {
				t.Error(err)
			}
			ids[i] = built.Images["web"]
		})
	}
	both.Wait()
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("two at once: %q", ids)
	}
	if n := strings.Count(h.said(), "RUN cat"); n != 2 {
		t.Errorf("its step was told %d times to two who wait for one build", n)
	}
	if n := len(engine.conns); n != 2 { // BuildKit's and the session's
		t.Errorf("one build made %d connections", n)
	}
	artifact, err := h.Kept(h.ctx, spec)
	if err != nil || imagebuild.Image(artifact, "web") == "" {
		t.Fatalf("not kept: %q, %v", artifact, err)
	}
	if again := h.built(spec); again.Images["web"] != ids[0] || strings.Contains(h.said(), "RUN cat") {
		t.Error("a third was built again")
	}
	another := spec
	another.Images = append(another.Images, staging.ImageBuild{Name: "other", Context: "."})
	if artifact, err := h.Kept(h.ctx, another); err != nil || artifact != "" {
		t.Errorf("kept without one of its images: %q, %v", artifact, err)
	}
}

func TestAStrangersImageIsNotTaken(t *testing.T) {
	h := newHost(t)
	spec := h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}, staging.ImageBuild{})
	ref := "offshoot/" + h.project + "/web:" + spec.Key
	h.tag(base, ref)
	defer h.untag(ref)
	if artifact, err := h.Kept(h.ctx, spec); err == nil {
		t.Errorf("kept as %q", artifact)
	}
	h.fails(spec, staging.ClassPlatform, ref, "did not make")
}
