//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
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

const (
	// silence is after how long without output a build says that it goes on,
	// where nothing else is said.
	silence = 30 * time.Second
	// firstBuilder is the first of the users that builds run as, one a
	// project: above those of environments. Two projects that share one are
	// kept apart by their views.
	firstBuilder = firstUID + 2*maxUsers
)

// artifact is where the result of a build lies: for every environment whose
// tree and steps are the same, but without views, where paths that a build
// wrote down are those of one environment.
func (d *Driver) artifact(owner, project, key string) string {
	if d.shape == ShapePlain {
		return filepath.Join(d.home(owner), "app", key)
	}
	return filepath.Join(filepath.Dir(d.dir), "artifacts", project, key)
}

// whole is the file that says that an artifact was finished: one that is built
// where it runs is there before it is.
func whole(artifact string) string { return artifact + ".json" }

// finished is what the file holds.
type finished struct {
	At time.Time `json:"at"`
}

func kept(artifact string) bool {
	_, err := os.Lstat(whole(artifact))
	return err == nil
}

// Kept implements platform.Keeper.
func (d *Driver) Kept(owner string, b staging.BuildSpec) string {
	if !ownerName.MatchString(owner) || !projectName.MatchString(b.Project) || !contentKey.MatchString(b.Key) {
		return ""
	}
	d.mu.Lock() // nothing is pruned meanwhile
	defer d.mu.Unlock()
	artifact := d.artifact(owner, b.Project, b.Key)
	var f finished
	if readFile(whole(artifact), &f) != nil {
		return ""
	}
	if time.Since(f.At) > artifactAge/2 && writeFile(whole(artifact), finished{time.Now().UTC()}) != nil {
		return ""
	}
	return artifact
}

// builder is the user that a project's builds run as, so that they share what
// their tools cache. It is nobody's else.
func (d *Driver) builder(known record) int {
	if !d.users {
		return shim.OwnUser
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(filepath.Dir(d.dir) + "\n" + known.Cache.Project))
	return firstBuilder + int(h.Sum32()%maxUsers)
}

// applyBuild starts a build unless its result is kept already. The work is
// done in a copy of the checkout that becomes the artifact when the build has
// ended well.
func (d *Driver) applyBuild(ctx context.Context, r platform.Resource) error {
	b := r.Build
	if b == nil || !projectName.MatchString(b.Project) || !contentKey.MatchString(b.Key) {
		return errors.New("nothing says what to build")
	}
	dir := d.file(platform.Ref{Name: r.Name})
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if o, err := d.Observe(ctx, ref); err != nil || o.Presence != staging.Absent {
		return err // begun once, never begun again
	}
	u, err := d.usersOf(r.Owner)
	if err != nil {
		return fmt.Errorf("its scope: %w", err)
	}
	target := d.artifact(r.Owner, b.Project, b.Key)
	spec := buildWorkload(b)
	spec.Artifact = target
	task := platform.Resource{Kind: r.Kind, Name: r.Name, Owner: r.Owner, SpecHash: r.SpecHash, Workload: spec}
	used, err := d.cacheFor(b)
	if err != nil {
		return err
	}
	with := record{Artifact: target, Cache: used, Paths: d.outside(task, dir)}
	for i, p := range with.Paths {
		if p.Inside == insideApp {
			with.Paths[i].Host = filepath.Join(dir, homeDir)
		}
	}
	known, err := d.makeFolder(dir, task, with)
	if err != nil {
		return err
	}
	if kept(target) {
		return d.endedAlready(dir, "kept from an earlier build")
	}
	work, uid := d.workOf(dir, known), d.builder(known)
	if err := copytree.Remove(work); err != nil {
		return err
	}
	if _, err := copytree.Copy(ctx, b.Checkout, work, copytree.Options{UID: uid, GID: uid}); err != nil {
		return err
	}
	if len(b.Steps) == 0 {
		return d.endedAlready(dir, "nothing to build")
	}
	remarks, err := d.bringCached(ctx, b, known, work, uid)
	if err != nil {
		return err
	}
	inside, err := d.insideBuild(ctx, known, dir, work, uid)
	if err != nil {
		return err
	}
	config, err := d.shimConfig(task, known, u, dir, inside)
	if err != nil {
		return err
	}
	config.Heartbeat, config.Still = d.silence, "still building"
	config.Remarks = append(append(config.Remarks, d.path.skipped...), remarks...)
	return d.startShim(ctx, r.Owner, dir, config)
}

// endedAlready records a build that has nothing to run.
func (d *Driver) endedAlready(dir, reason string) error {
	return writeFile(filepath.Join(dir, shim.ExitFile), shim.Exit{At: time.Now().UTC(), Reason: reason})
}

// workOf is where a build works: beside its record, or where its result will
// run, when paths that it writes down must hold.
func (d *Driver) workOf(dir string, known record) string {
	if d.shape == ShapePlain {
		return known.Artifact
	}
	return filepath.Join(dir, "work", "app")
}

// insideBuild is what a build sees besides the host's programs.
func (d *Driver) insideBuild(ctx context.Context, known record, dir, work string, uid int) ([]shim.Mount, error) {
	home, err := d.buildHome(ctx, known, dir, uid)
	if err != nil || d.shape == ShapePlain {
		return nil, err
	}
	tmp := filepath.Join(dir, tmpDir)
	if err := os.MkdirAll(tmp, 0o711); err != nil {
		return nil, err
	}
	return []shim.Mount{home, {Source: tmp, Target: "/tmp"}, {Source: work, Target: appDir}}, d.give(tmp, uid)
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
	// Go's modules lie in folders that not even their owner may empty, unless told
	// otherwise: a data folder could not be removed by hand.
	env := map[string]string{"GOFLAGS": "-modcacherw"}
	maps.Copy(env, b.Env)
	return &staging.WorkloadSpec{Service: "build", Role: staging.RoleBuild, Command: staging.Command{Shell: script},
		Env: env, Limits: b.Limits, Timeout: b.Timeout, StopGrace: 2 * time.Second}
}

// publish makes what a build made an artifact, once it ended well, and keeps
// what its tools cached for the branch's next build.
func (d *Driver) publish(dir string, known record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	work := d.workOf(dir, known)
	if !kept(known.Artifact) {
		if err := share(work, d.users); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(known.Artifact), d.closed()); err != nil {
			return err
		}
		if work != known.Artifact {
			if err := copytree.Remove(known.Artifact); err != nil {
				return err
			}
			if err := copytree.Publish(work, known.Artifact, true); err != nil {
				return err
			}
		}
		if err := writeFile(whole(known.Artifact), finished{time.Now().UTC()}); err != nil {
			return err
		}
	}
	return d.keepCache(dir, known)
}

// share lets every environment's user write to its own layer over the files:
// an overlay asks for the permissions of what is underneath. Where all run as
// one user there is nothing to share.
func share(root string, users bool) error {
	if !users {
		return nil
	}
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
	known, err := readRecord(dir)
	if err != nil {
		return o, err
	}
	if err := d.publish(dir, known); err != nil {
		return o, err
	}
	o.Ref = known.Artifact
	return o, nil
}

// discard removes what a build that is deleted leaves where it was to run.
func (d *Driver) discard(known record) error {
	if d.shape != ShapePlain || known.Artifact == "" || kept(known.Artifact) {
		return nil
	}
	return copytree.Remove(known.Artifact)
}
