package imagebuild_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// small is an image of its own content.
func (h *host) small(word string) imagebuild.Built {
	h.Helper()
	return h.built(h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "word": word}, staging.ImageBuild{}))
}

// unused says that these were last wanted so long ago; created is what the
// engine says of them, so it cannot be older than the test.
func (h *host) unused(ago time.Duration, artifacts ...string) {
	h.Helper()
	file := filepath.Join(h.dir, "used.json")
	used := map[string]time.Time{}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &used)
	}
	if err != nil {
		h.Fatal(err)
	}
	for _, a := range artifacts {
		ref := imagebuild.Image(a, "web")
		if ref == "" {
			ref = a
		}
		used[ref] = time.Now().Add(-ago)
	}
	if text, err = json.Marshal(used); err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		h.Fatal(err)
	}
}

func (h *host) there(artifact string) bool {
	_, err := h.Inspect(h.ctx, imagebuild.Image(artifact, "web"))
	if err != nil && staging.CodeOf(err) != staging.CodeNotFound {
		h.Error(err)
	}
	return err == nil
}

func TestWhatNobodyUsesGoes(t *testing.T) {
	h := newHost(t)
	names := []string{"old", "kept", "running", "young"}
	artifact, id := map[string]string{}, map[string]string{}
	for _, n := range names {
		b := h.small(h.project + n)
		artifact[n], id[n] = b.Artifact, b.Images["web"]
	}
	c, err := h.engine.ContainerCreate(h.ctx, client.ContainerCreateOptions{Config: containerOf([]string{"x"}), Image: imagebuild.Image(artifact["running"], "web")})
	if err != nil {
		t.Fatal(err)
	}
	stranger := "stranger/" + h.project + ":1"
	h.tag(imagebuild.Image(artifact["young"], "web"), stranger)
	h.unused(20*24*time.Hour, artifact["old"], artifact["kept"], artifact["running"], stranger)
	policy := imagebuild.Policy{Age: 10 * 24 * time.Hour, Keep: map[string]bool{artifact["kept"]: true}}
	removed, err := h.Prune(h.ctx, policy)
	if err != nil {
		t.Fatal(err)
	}
	if len(removed) != 1 || removed[0].Ref != imagebuild.Image(artifact["old"], "web") || removed[0].ID != id["old"] || removed[0].Size == 0 {
		t.Errorf("removed %+v", removed)
	}
	for _, n := range names {
		if there := h.there(artifact[n]); there != (n != "old") {
			t.Errorf("%s is there: %v", n, there)
		}
	}
	if _, err := h.engine.ContainerRemove(h.ctx, c.ID, client.ContainerRemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	// Asked for, it counts as used again.
	h.unused(20*24*time.Hour, artifact["young"])
	spec := staging.BuildSpec{Project: h.project, Key: artifact["young"][len(artifact["young"])-32:], Images: []staging.ImageBuild{{Name: "web"}}}
	if kept, err := h.Kept(h.ctx, spec); err != nil || kept != artifact["young"] {
		t.Fatalf("%q, %v", kept, err)
	}
	// By size the longest unused go first, what was just wanted stays.
	h.unused(7*time.Hour, artifact["running"])
	if removed, err = h.Prune(h.ctx, imagebuild.Policy{Size: 1}); err != nil || len(removed) != 2 || h.there(artifact["running"]) || h.there(artifact["kept"]) || !h.there(artifact["young"]) {
		t.Errorf("removed %+v, %v", removed, err)
	}
	h.unused(7*time.Hour, artifact["young"])
	if removed, err = h.Prune(h.ctx, imagebuild.Policy{Size: 1}); err != nil || len(removed) != 1 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if _, err := h.Inspect(h.ctx, stranger); err != nil {
		t.Errorf("somebody else's name went too: %v", err)
	}
	h.untag(stranger)
}

func TestWhatWasGotGoesWhenNobodyRunsIt(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	ref, stranger := r.Host+"/shop:1", r.Host+"/stranger:1"
	if _, err := h.Pull(h.ctx, stranger, imagebuild.Options{}); err != nil { // as anybody else of this host does
		t.Fatal(err)
	}
	defer h.untag(stranger)
	used, err := h.Get(h.ctx, ref, imagebuild.Options{})
	if err == nil {
		_, err = h.Get(h.ctx, stranger, imagebuild.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.unused(20*24*time.Hour, "got "+ref, "got "+used.Run)
	policy := imagebuild.Policy{Age: 10 * 24 * time.Hour, Keep: map[string]bool{used.Run: true}}
	if removed, err := h.Prune(h.ctx, policy); err != nil || len(removed) != 0 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if _, err := h.Inspect(h.ctx, used.Run); err != nil {
		t.Errorf("what an environment runs is gone: %v", err)
	}
	policy.Keep = nil
	if removed, err := h.Prune(h.ctx, policy); err != nil || len(removed) != 2 {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if _, err := h.Inspect(h.ctx, used.Run); staging.CodeOf(err) != staging.CodeNotFound {
		t.Errorf("what nobody runs stays: %v", err)
	}
	if _, err := h.Inspect(h.ctx, stranger); err != nil {
		t.Errorf("somebody else's went too: %v", err)
	}
}
