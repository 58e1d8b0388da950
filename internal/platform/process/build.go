package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/platform"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

var (
	projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	contentKey  = regexp.MustCompile(`^[0-9a-f]{16,64}$`)
)

// artifact is where the result of a build lies, for every environment whose
// tree and steps are the same.
func (d *Driver) artifact(project, key string) string {
	return filepath.Join(filepath.Dir(d.dir), "artifacts", project, key)
}

// applyBuild starts a build unless its result is kept already. The work is
// done in a copy of the checkout that is moved to the artifact's place when
// the build has ended well.
func (d *Driver) applyBuild(ctx context.Context, r platform.Resource) error {
	b := r.Build
	if b == nil || !projectName.MatchString(b.Project) || !contentKey.MatchString(b.Key) {
		return errors.New("nothing says what to build")
	}
	dir := d.file(platform.Ref{Name: r.Name})
	if _, err := os.Stat(filepath.Join(dir, recordFile)); err == nil {
		return nil // begun once, never begun again
	}
	spec := buildWorkload(b)
	task := platform.Resource{Kind: r.Kind, Name: r.Name, Owner: r.Owner, SpecHash: r.SpecHash, Workload: spec}
	target := d.artifact(b.Project, b.Key)
	if err := d.makeFolder(dir, task, target); err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil {
		return writeFile(filepath.Join(dir, shim.ExitFile), shim.Exit{At: time.Now().UTC(), Reason: "kept from an earlier build"})
	}
	work := filepath.Join(dir, "work", "app")
	u, err := d.users(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	if _, err := copytree.Copy(ctx, b.Checkout, work, copytree.Options{UID: u.Service, GID: u.Service}); err != nil {
		return err
	}
	if len(b.Steps) == 0 {
		return writeFile(filepath.Join(dir, shim.ExitFile), shim.Exit{At: time.Now().UTC(), Reason: "nothing to build"})
	}
	home, err := d.buildHome(b, u.Service)
	if err != nil {
		return err
	}
	config, err := d.shimConfig(task, u, dir, []shim.Mount{{Source: home, Target: "/home/app"}, {Source: work, Target: "/app"}})
	if err != nil {
		return err
	}
	return d.startShim(ctx, dir, config)
}

// buildHome is where a branch's builds keep what their tools cache. It is the
// branch's own: no other branch reads what it wrote.
func (d *Driver) buildHome(b *staging.BuildSpec, uid int) (string, error) {
	sum := sha256.Sum256([]byte(b.Branch))
	home := filepath.Join(filepath.Dir(d.dir), "cache", b.Project, hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", err
	}
	info, err := os.Stat(home)
	if err != nil {
		return "", err
	}
	if owner(info) == uid {
		return home, nil
	}
	// Another environment of the same branch built before this one.
	return home, filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}

// buildWorkload runs the steps one after another in one shell. They are the
// team's own words; nothing from outside is put into them.
func buildWorkload(b *staging.BuildSpec) *staging.WorkloadSpec {
	script := "set -e\n"
	for _, s := range b.Steps {
		line := s.Command.Shell
		if line == "" {
			for _, a := range s.Command.Args {
				line += " '" + strings.ReplaceAll(a, "'", `'\''`) + "'"
			}
		}
		script += "echo '--- build " + strings.ReplaceAll(s.Name, "'", "") + "'\n(\n" + line + "\n)\n"
	}
	return &staging.WorkloadSpec{Service: "build", Role: staging.RoleBuild, Command: staging.Command{Shell: script},
		Env: b.Env, Limits: b.Limits, Timeout: b.Timeout, StopGrace: 2 * time.Second}
}

// publish moves what a build made to the artifact's place, once it ended well.
func (d *Driver) publish(dir string, known record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	work := filepath.Join(dir, "work", "app")
	if _, err := os.Stat(known.Artifact); err == nil {
		return copytree.Remove(work)
	}
	if err := share(work); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(known.Artifact), 0o711); err != nil {
		return err
	}
	return copytree.Publish(work, known.Artifact, true)
}

// share lets every environment's user write to its own layer over the files:
// an overlay asks for the permissions of what is underneath.
func share(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o666
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

func (d *Driver) observeBuild(ref platform.Ref) (staging.Observation, error) {
	dir := d.file(ref)
	o, err := d.observeInstance(ref)
	if err != nil || o.Run != staging.RunExited || o.ExitCode == nil || *o.ExitCode != 0 {
		return o, err
	}
	var known record
	if err := readFile(filepath.Join(dir, recordFile), &known); err != nil {
		return o, err
	}
	if err := d.publish(dir, known); err != nil {
		return o, err
	}
	o.Ref = known.Artifact
	return o, nil
}
