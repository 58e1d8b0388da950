package imagebuild_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

const (
	fileSecret     = "f-5b1e9c7d-of-a-file"
	variableSecret = "v-0a77d2e4-of-a-variable"
)

func TestSecretsAreMountedAndNeverKept(t *testing.T) {
	h := newHost(t)
	spec := h.spec("main", map[string]string{
		"Dockerfile": "FROM " + base + "\nRUN --mount=type=secret,id=npm --mount=type=secret,id=pip cat /run/secrets/npm /run/secrets/pip | sha256sum > /sum && echo marker-of-the-image > /marker\n",
		"npmrc":      fileSecret, ".dockerignore": "npmrc",
	}, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "npm", File: "npmrc"}, {ID: "pip", Variable: "PIP_TOKEN"}}})
	spec.Env = map[string]string{"PIP_TOKEN": variableSecret, "OTHER": "other-build-variable"}
	built := h.built(spec)
	ref := imagebuild.Image(built.Artifact, "web")
	want := h.runs(base, "sh", "-c", "printf %s "+fileSecret+variableSecret+" | sha256sum")
	if got := h.runs(ref, "cat", "/sum"); got != want {
		t.Errorf("the step saw %q, not %q", got, want)
	}
	all := map[string]string{"log": h.said()}
	saved, err := h.engine.ImageSave(h.ctx, []string{ref})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = saved.Close() }()
	content, err := io.ReadAll(saved)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("marker-of-the-image")) {
		t.Error("the layers cannot be searched")
	}
	all["layers"] = string(content)
	for name, look := range map[string]func() (any, error){
		"history": func() (any, error) { return h.engine.ImageHistory(h.ctx, ref) },
		"config":  func() (any, error) { return h.engine.ImageInspect(h.ctx, ref) },
	} {
		found, err := look()
		text, jsonErr := json.Marshal(found)
		if err != nil || jsonErr != nil {
			t.Fatal(err, jsonErr)
		}
		all[name] = string(text)
	}
	for where, text := range all {
		for _, secret := range []string{fileSecret, variableSecret, "other-build-variable"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in the %s", secret, where)
			}
		}
	}
}

func TestSecretsThatAreNotThere(t *testing.T) {
	h := newHost(t)
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}
	h.fails(h.spec("main", files, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "a", File: "none"}}}), staging.ClassBuild, "the secret a", "none")
	f := h.fails(h.spec("main", files, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "b", Variable: "TOKEN"}}}), staging.ClassBuild, "no build variable TOKEN")
	if !strings.Contains(f.Hint, "secret set TOKEN --build") {
		t.Errorf("the hint is %q", f.Hint)
	}
	h.fails(h.spec("main", files, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "c", File: "../outside"}}}), staging.ClassBuild, "not in the checkout")
}
