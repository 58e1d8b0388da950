package imagebuild_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

func TestFewImagesAreBuiltAtATime(t *testing.T) {
	h := newHost(t, func(c *imagebuild.Config) { c.Builds = 1 })
	step := func(name string) staging.ImageBuild {
		return staging.ImageBuild{Name: name, Inline: "FROM " + base + "\nRUN echo " + uuid.NewString() + "; sleep 0.3\n"}
	}
	h.built(h.spec("main", map[string]string{"a": ""}, step("one"), step("two"), step("three")))
	said := h.said()
	if n := strings.Count(said, "waits until one of 1 other builds has ended"); n != 2 {
		t.Errorf("%d wait:\n%s", n, said)
	}
	// Each names its image before the next begins.
	if begun, named := strings.Split(said, "load build definition"), strings.Count(said, "naming to"); len(begun) != 4 || named != 3 ||
		strings.Count(begun[1], "naming to") != 1 || strings.Count(begun[2], "naming to") != 1 {
		t.Errorf("they are built beside each other:\n%s", said)
	}
}

func TestAnImageThatIsTooLargeIsTakenAway(t *testing.T) {
	h := newHost(t, func(c *imagebuild.Config) { c.MaxImage = 1 << 20 })
	f := h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nRUN echo " + uuid.NewString() + " > /x\n"}, staging.ImageBuild{}), staging.ClassBuild, "the image of web is", "may have 1")
	if !strings.Contains(f.Hint, "docker history") {
		t.Errorf("the hint is %q", f.Hint)
	}
	if n := len(h.images(h.ctx)); n != 0 {
		t.Errorf("%d images are left", n)
	}
}

func TestABaseForAnotherMachine(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	r.Architecture = "s390x"
	r.Renew()
	h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM " + r.Host + "/shop:1\nCOPY . /\n"}, staging.ImageBuild{}), staging.ClassBuild, "what was built of web is for another architecture", "linux/s390x")
	if n := len(h.images(h.ctx)); n != 0 {
		t.Errorf("%d images are left", n)
	}
	_, err := h.Pull(h.ctx, r.Host+"/pulled:1", imagebuild.Options{})
	defer h.untag(r.Host + "/pulled:1")
	failure(t, err, staging.ClassBuild, r.Host+"/pulled:1", "is for another architecture")
}

func TestAStepThatFindsADiskFullIsToldApart(t *testing.T) {
	h := newHost(t)
	f := h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nRUN --mount=type=tmpfs,target=/small head -c 1 /dev/zero > /dev/full\n"}, staging.ImageBuild{}), staging.ClassBuild, "exit code")
	if !strings.Contains(f.Hint, "a disk was full") {
		t.Errorf("the hint is %q of %q", f.Hint, f.LogTail)
	}
}

func TestImagesAsContextsAndStepsWithoutANetwork(t *testing.T) {
	h := newHost(t)
	built := h.built(h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nCOPY --from=other /etc/debian_version /got\nRUN cat /proc/net/dev > /devices\n"},
		staging.ImageBuild{Offline: true, Contexts: map[string]string{"other": "docker-image://" + base}}))
	out := h.runs(imagebuild.Image(built.Artifact, "web"), "cat", "/got", "/devices")
	if !strings.HasPrefix(out, "12") || strings.Contains(out, "eth0") || !strings.Contains(out, "lo:") {
		t.Errorf("it has\n%s", out)
	}
}
