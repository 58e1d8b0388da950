package imagebuild_test

import (
	"context"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"offshoot/internal/componenttest/registry"
	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

// newRegistry is one that ends with the test.
func newRegistry(t *testing.T) *registry.Registry {
	r := registry.New()
	t.Cleanup(r.Close)
	return r
}

// signedIn answers credentials for one registry alone.
func signedIn(r *registry.Registry) imagebuild.Credentials {
	return func(_ context.Context, host string) (user, password string, err error) {
		if host != r.Host {
			return "", "", nil
		}
		return registry.User, registry.Password, nil
	}
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
	r.Closed = true
	for _, ref := range []string{r.Host + "/shop:1", r.Host + "/private@" + r.Digest()} {
		info, err := h.Pull(h.ctx, ref, imagebuild.Options{Credentials: signedIn(r), Progress: h.tell})
		if err != nil {
			t.Fatal(err)
		}
		defer h.untag(ref)
		if info.Digest != r.Digest() || info.ID == "" || strings.Join(info.Entrypoint, " ") != "/hello" || info.Env["A"] != "b=c" || strings.Join(info.Volumes, " ") != "/v" {
			t.Errorf("%s: %+v", ref, info)
		}
	}
	if said := h.said(); !strings.Contains(said, "Pull complete") || strings.Contains(said, registry.Password) {
		t.Errorf("it says\n%s", said)
	}
	// What is there is used, whatever became of its registry.
	r.Empty()
	if _, err := h.Pull(h.ctx, r.Host+"/shop:1", imagebuild.Options{}); err != nil {
		t.Error(err)
	}
}

func TestAPullThatFailsSaysWhy(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	for name, words := range registryFailures {
		_, err := h.Pull(h.ctx, r.Host+"/"+name+":1", imagebuild.Options{})
		failure(t, err, staging.ClassBuild, r.Host+"/"+name+":1", words)
	}
	_, err := h.Pull(h.ctx, "127.0.0.1:1/none:1", imagebuild.Options{})
	failure(t, err, staging.ClassBuild, "its registry is not reached")
	_, err = h.Pull(h.ctx, "Not A Reference", imagebuild.Options{})
	failure(t, err, staging.ClassManifest, "no name of an image")
	ctx, cancel := context.WithCancel(h.ctx)
	cancel()
	if _, err := h.Pull(ctx, r.Host+"/other:1", imagebuild.Options{}); err == nil {
		t.Error("a pull that nobody waits for goes on")
	}
}

func TestABaseImageThatCannotBeHad(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	for name, words := range registryFailures {
		ref := r.Host + "/" + name + ":1"
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
	for name, tokens := range map[string]bool{"passwords": false, "tokens": true} {
		t.Run(name, func(t *testing.T) {
			h, r := newHost(t), newRegistry(t)
			r.Closed, r.Tokens = true, tokens
			private := r.Host + "/private@" + r.Digest()
			pulled, err := h.Pull(h.ctx, private, imagebuild.Options{Credentials: signedIn(r), Progress: h.tell})
			if err != nil || pulled.Digest != r.Digest() {
				t.Fatalf("%+v, %v", pulled, err)
			}
			h.untag(private)
			r.Renew()
			private = r.Host + "/private@" + r.Digest()
			spec := h.spec("main", map[string]string{"Dockerfile": "FROM " + private + "\nCOPY . /app\n"}, staging.ImageBuild{})
			wrong := func(context.Context, string) (user, password string, err error) {
				return registry.User, "wrong-" + registry.Password, nil
			}
			_, err = h.Build(h.ctx, spec, imagebuild.Options{Credentials: wrong, Progress: h.tell})
			failure(t, err, staging.ClassBuild, private, "is private or does not exist")
			built, err := h.Build(h.ctx, spec, imagebuild.Options{Credentials: signedIn(r), Progress: h.tell})
			if err != nil {
				t.Fatalf("%v\n%s", err, h.said())
			}
			info, err := h.Inspect(h.ctx, imagebuild.Image(built.Artifact, "web"))
			if err != nil || strings.Join(info.Entrypoint, " ") != "/hello" {
				t.Errorf("%+v, %v", info, err)
			}
			if strings.Contains(h.said(), registry.Password) {
				t.Error("the password is told")
			}
		})
	}
}

func TestASignInIsTried(t *testing.T) {
	for name, tokens := range map[string]bool{"passwords": false, "tokens": true} {
		t.Run(name, func(t *testing.T) {
			h, r := newHost(t), newRegistry(t)
			r.Closed, r.Tokens = true, tokens
			if err := h.SignIn(h.ctx, r.Host, registry.User, registry.Password); err != nil {
				t.Error(err)
			}
			err := h.SignIn(h.ctx, r.Host, registry.User, "wrong-"+registry.Password)
			if staging.CodeOf(err) != staging.CodeRefused || !strings.Contains(err.Error(), "does not let "+registry.User+" in") || strings.Contains(err.Error(), registry.Password) {
				t.Errorf("a wrong password: %v", err)
			}
			if err := h.SignIn(h.ctx, "127.0.0.1:1", registry.User, registry.Password); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
				t.Errorf("a registry that is not there: %v", err)
			}
		})
	}
}

// TestASlowRegistry holds that it is said how far a pull is, and that one which gets
// nothing ends.
func TestASlowRegistry(t *testing.T) {
	h := newHost(t, func(c *imagebuild.Config) { c.Silence, c.Stalled = 300*time.Millisecond, 3*time.Second })
	r := newRegistry(t)
	ref := r.Host + "/slow:1"
	_, err := h.Pull(h.ctx, ref, imagebuild.Options{Progress: h.tell})
	failure(t, err, staging.ClassBuild, ref, "comes too slowly", "sends nothing")
	if said := h.said(); !strings.Contains(said, "0 of 1 layers") {
		t.Errorf("it says\n%s", said)
	}
}

func TestAStepThatSaysNothingIsSpokenOf(t *testing.T) {
	h := newHost(t, func(c *imagebuild.Config) { c.Silence = 300 * time.Millisecond })
	_, err := h.Build(h.ctx, h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nRUN sleep 1.5 # " + uuid.NewString() + "\n"}, staging.ImageBuild{}), imagebuild.Options{Progress: h.tell})
	if err != nil {
		t.Fatal(err)
	}
	if said := h.said(); !regexp.MustCompile(`#\d+ \[2/2\] RUN sleep 1.5 .* has run for 1s`).MatchString(said) {
		t.Errorf("it says\n%s", said)
	}
}

func TestWhatIsGotAnewIsPinned(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	ref := r.Host + "/shop:1"
	first, err := h.Get(h.ctx, ref, imagebuild.Options{Credentials: signedIn(r), Progress: h.tell})
	if err != nil {
		t.Fatal(err)
	}
	defer h.untag(first.Run)
	defer h.untag(ref)
	if first.Digest != r.Digest() || first.Run != r.Host+"/shop@"+r.Digest() {
		t.Errorf("it got %+v", first)
	}
	// The name leads elsewhere: that is got, and the first is what it was.
	old := r.Digest()
	r.Renew()
	second, err := h.Get(h.ctx, ref, imagebuild.Options{Credentials: signedIn(r)})
	if err != nil || second.Digest != r.Digest() || second.Digest == old {
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
	r.Empty()
	if _, err := h.Get(h.ctx, second.Run, imagebuild.Options{}); err != nil {
		t.Error(err)
	}
	_, err = h.Get(h.ctx, ref, imagebuild.Options{})
	failure(t, err, staging.ClassBuild, ref, "does not exist")
}

func TestAnImageForAnotherMachineIsRefused(t *testing.T) {
	h, r := newHost(t), newRegistry(t)
	r.Architecture = "s390x"
	r.Renew()
	ref := r.Host + "/shop:1"
	_, err := h.Get(h.ctx, ref, imagebuild.Options{})
	defer h.untag(ref)
	failure(t, err, staging.ClassBuild, ref, "linux/s390x", "linux/"+runtime.GOARCH)
}
