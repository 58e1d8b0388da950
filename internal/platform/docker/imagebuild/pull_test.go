package imagebuild_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// signedIn answers credentials for one registry alone.
func (r *fakeRegistry) signedIn(_ context.Context, host string) (user, password string, err error) {
	if host != r.host {
		return "", "", nil
	}
	return registryUser, registryPassword, nil
}

// registryFailures are names of the fake registry and what must be said of them.
var registryFailures = map[string]string{
	"private": "is private or does not exist",
	"limited": "limits how often",
	"gone":    "does not exist",
	"broken":  "its registry is not reached",
	"foreign": "is not for this machine's architecture",
}

func TestAPulledImageIsAsItsRegistrySays(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	r.closed = true
	for _, ref := range []string{r.host + "/shop:1", r.host + "/private@" + r.digest} {
		info, err := h.Pull(h.ctx, ref, imagebuild.Options{Credentials: r.signedIn, Progress: h.tell})
		if err != nil {
			t.Fatal(err)
		}
		defer h.untag(ref)
		if info.Digest != r.digest || info.ID == "" || strings.Join(info.Entrypoint, " ") != "/hello" || info.Env["A"] != "b=c" || strings.Join(info.Volumes, " ") != "/v" {
			t.Errorf("%s: %+v", ref, info)
		}
	}
	if said := h.said(); !strings.Contains(said, "Pull complete") || strings.Contains(said, registryPassword) {
		t.Errorf("it says\n%s", said)
	}
	// What is there is used, whatever became of its registry.
	r.blobs = nil
	if _, err := h.Pull(h.ctx, r.host+"/shop:1", imagebuild.Options{}); err != nil {
		t.Error(err)
	}
}

func TestAPullThatFailsSaysWhy(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	for name, words := range registryFailures {
		_, err := h.Pull(h.ctx, r.host+"/"+name+":1", imagebuild.Options{})
		failure(t, err, staging.ClassBuild, r.host+"/"+name+":1", words)
	}
	_, err := h.Pull(h.ctx, "127.0.0.1:1/none:1", imagebuild.Options{})
	failure(t, err, staging.ClassBuild, "its registry is not reached")
	_, err = h.Pull(h.ctx, "Not A Reference", imagebuild.Options{})
	failure(t, err, staging.ClassManifest, "no name of an image")
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	if _, err := h.Pull(ctx, r.host+"/other:1", imagebuild.Options{}); err == nil {
		t.Error("a pull that nobody waits for goes on")
	}
}

func TestABaseImageThatCannotBeHad(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	for name, words := range registryFailures {
		ref := r.host + "/" + name + ":1"
		f := h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM " + ref + "\nCOPY . /\n"}, staging.ImageBuild{}), staging.ClassBuild, "the build of web", ref, words)
		if f.Service != "web" || f.File != "Dockerfile" {
			t.Errorf("%#v", f)
		}
	}
	h.fails(h.spec("main", map[string]string{"Dockerfile": "FROM 127.0.0.1:1/none:1\nCOPY . /\n"}, staging.ImageBuild{}), staging.ClassBuild, "its registry is not reached")
	h.fails(h.spec("main", map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1.99\nFROM scratch\nCOPY . /\n"}, staging.ImageBuild{}), staging.ClassBuild, "# syntax=docker/dockerfile:1.99")
	if n := len(h.images(h.ctx)); n != 0 {
		t.Errorf("%d images are left", n)
	}
}

func TestABaseImageOfThePrivateRegistry(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	built, err := h.Build(h.ctx, h.spec("main", map[string]string{"Dockerfile": "FROM " + r.host + "/private@" + r.digest + "\nCOPY . /app\n"}, staging.ImageBuild{}), imagebuild.Options{Credentials: r.signedIn, Progress: h.tell})
	if err != nil {
		t.Fatalf("%v\n%s", err, h.said())
	}
	info, err := h.Inspect(h.ctx, imagebuild.Image(built.Artifact, "web"))
	if err != nil || strings.Join(info.Entrypoint, " ") != "/hello" {
		t.Errorf("%+v, %v", info, err)
	}
	if strings.Contains(h.said(), registryPassword) {
		t.Error("the password is told")
	}
}

func TestWhatIsGotAnewIsPinned(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	ref := r.host + "/shop:1"
	first, err := h.Get(h.ctx, ref, imagebuild.Options{Credentials: r.signedIn, Progress: h.tell})
	if err != nil {
		t.Fatal(err)
	}
	defer h.untag(first.Run)
	defer h.untag(ref)
	if first.Digest != r.digest || first.Run != r.host+"/shop@"+r.digest {
		t.Errorf("it got %+v", first)
	}
	// The name leads elsewhere: that is got, and the first is what it was.
	old := r.digest
	r.push(t)
	second, err := h.Get(h.ctx, ref, imagebuild.Options{Credentials: r.signedIn})
	if err != nil || second.Digest != r.digest || second.Digest == old {
		t.Errorf("it got %+v: %v", second, err)
	}
	defer h.untag(second.Run)
	if i, err := h.Inspect(h.ctx, first.Run); err != nil || i.ID == "" {
		t.Errorf("the first is gone: %v", err)
	}
	// What no registry has is what is here; what has a digest is not asked for.
	info, err := h.Inspect(h.ctx, base)
	if err != nil {
		t.Fatal(err)
	}
	id := info.ID
	for _, ref := range []string{base, id} {
		if local, err := h.Get(h.ctx, ref, imagebuild.Options{}); err != nil || local.Run != id || local.Digest != "" {
			t.Errorf("%s is %+v: %v", ref, local, err)
		}
	}
	r.blobs = nil
	if _, err := h.Get(h.ctx, second.Run, imagebuild.Options{}); err != nil {
		t.Error(err)
	}
	_, err = h.Get(h.ctx, ref, imagebuild.Options{})
	failure(t, err, staging.ClassBuild, ref, "does not exist")
}

func TestAnImageForAnotherMachineIsRefused(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	r.architecture = "s390x"
	r.push(t)
	ref := r.host + "/shop:1"
	_, err := h.Get(h.ctx, ref, imagebuild.Options{})
	defer h.untag(ref)
	failure(t, err, staging.ClassBuild, ref, "linux/s390x", "linux/"+runtime.GOARCH)
}
