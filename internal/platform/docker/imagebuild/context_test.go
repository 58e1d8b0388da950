package imagebuild_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"offshoot/internal/componenttest"
	"offshoot/internal/platform/docker/imagebuild"
	"offshoot/internal/staging"
)

func TestNothingOutsideOfTheCheckoutIsRead(t *testing.T) {
	h := newHost(t)
	outside := checkout(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "secret": "x"})
	for name, c := range map[string]struct {
		build staging.ImageBuild
		words string
	}{
		"a context that is a link":  {staging.ImageBuild{Context: "link"}, "leads out of the checkout"},
		"a context above":           {staging.ImageBuild{Context: "../x"}, "not in the checkout"},
		"an absolute context":       {staging.ImageBuild{Context: outside}, "not in the checkout"},
		"a context that is missing": {staging.ImageBuild{Context: "none"}, "none"},
		"a Dockerfile behind links": {staging.ImageBuild{Dockerfile: "link/Dockerfile"}, "link/Dockerfile cannot be read: it leads out"},
		"a Dockerfile above":        {staging.ImageBuild{Dockerfile: "../Dockerfile"}, "not in the checkout"},
		"a further context":         {staging.ImageBuild{Inline: "FROM scratch\nCOPY --from=more . /\n", Contexts: map[string]string{"more": "link"}}, "leads out of the checkout"},
		"an ignore file":            {staging.ImageBuild{Inline: "FROM scratch\nCOPY . /\n", Context: "ignore"}, ".dockerignore cannot be read"},
		"a secret":                  {staging.ImageBuild{Inline: "FROM scratch\n", Secrets: []staging.BuildSecret{{ID: "s", File: "link/secret"}}}, "the secret s"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := h.spec("main", map[string]string{"ignore/a": ""}, c.build)
			for link, target := range map[string]string{"link": outside, "ignore/.dockerignore": filepath.Join(outside, "secret")} {
				if err := os.Symlink(target, filepath.Join(spec.Checkout, link)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := h.Build(h.ctx, spec, imagebuild.Options{})
			failure(t, err, staging.ClassBuild, c.words)
		})
	}
}

func TestALinkInAContextStaysALink(t *testing.T) {
	h := newHost(t)
	outside := checkout(t, map[string]string{"passwords": "of-the-host"})
	spec := h.spec("main", map[string]string{"Dockerfile": "FROM " + base + "\nCOPY . /app\nRUN cat /app/out > /got 2>&1; readlink /app/out >> /got\n"}, staging.ImageBuild{})
	target := filepath.Join(outside, "passwords")
	if err := os.Symlink(target, filepath.Join(spec.Checkout, "out")); err != nil {
		t.Fatal(err)
	}
	built := h.built(spec)
	if got := h.runs(imagebuild.Image(built.Artifact, "web"), "cat", "/got"); got != "cat: /app/out: No such file or directory\n"+target+"\n" {
		t.Errorf("it holds %q", got)
	}
}

func TestAPipeIsNotReadAsAFile(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"Dockerfile", ".dockerignore", "secret"} {
		spec := h.spec("main", nil, staging.ImageBuild{Secrets: []staging.BuildSecret{{ID: "s", File: "secret"}}})
		for _, file := range []string{"Dockerfile", "secret"} {
			if err := os.WriteFile(filepath.Join(spec.Checkout, file), []byte("FROM scratch\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := pipeAt(filepath.Join(spec.Checkout, name)); err != nil {
			t.Fatal(err)
		}
		h.fails(spec, staging.ClassBuild, name+" cannot be read: it is not a file")
	}
}

// pipeAt puts a pipe where a file may be.
func pipeAt(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return syscall.Mkfifo(path, 0o600)
}

func TestWhatNoImageCanHoldIsRefused(t *testing.T) {
	h := newHost(t, func(c *imagebuild.Config) { c.MaxFiles = 20 })
	spec := func() staging.BuildSpec {
		return h.spec("main", map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}, staging.ImageBuild{})
	}
	for name, c := range map[string]struct {
		put   func(dir string) error
		words []string
	}{
		"pipe": {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600) }, []string{"pipe", "a named pipe"}},
		"socket": {func(dir string) error {
			l, err := net.Listen("unix", filepath.Join(dir, "s.sock"))
			if err != nil {
				return err
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			return l.Close()
		}, []string{"s.sock", "a socket"}},
		"huge": {func(dir string) error {
			if err := os.WriteFile(filepath.Join(dir, "huge"), nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(filepath.Join(dir, "huge"), 10<<30)
		}, []string{"larger than 8GiB", "huge", "10GiB"}},
		"many": {func(dir string) error {
			for i := range 30 {
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
					return err
				}
			}
			return nil
		}, []string{"more than 20 files"}},
		"device": {func(dir string) error {
			return syscall.Mknod(filepath.Join(dir, "null"), syscall.S_IFCHR|0o600, 1<<8|3)
		}, []string{"null", "a device"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			if err := c.put(s.Checkout); errors.Is(err, fs.ErrPermission) {
				componenttest.Missing(t, "root", "only root makes devices")
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := h.Build(h.ctx, s, imagebuild.Options{})
			failure(t, err, staging.ClassBuild, c.words...)
			if err := os.WriteFile(filepath.Join(s.Checkout, ".dockerignore"), []byte("*\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			h.built(s)
		})
	}
}
