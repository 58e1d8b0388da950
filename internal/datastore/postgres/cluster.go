package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
	"offshoot/internal/staging"
)

// initTimeout bounds initdb, which takes 1 to 3 s.
const initTimeout = 2 * time.Minute

// Warm makes the empty clusters of all builds at hand, so that no environment
// waits for one. What fails is tried again when it is needed.
func (d *Driver) Warm(ctx context.Context) error {
	all, err := d.Engines.List(ctx, "postgres")
	errs := []error{err}
	for _, e := range all {
		if ctx.Err() == nil {
			_, err := d.empty(ctx, e)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// empty is the kept empty cluster of a server build, made when it is first
// needed: nothing else ever waits for initdb.
func (d *Driver) empty(ctx context.Context, e datastore.Engine) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha256.Sum256([]byte(e.Name + "\n" + d.adminPassword()))
	dir := filepath.Join(d.Empty, "postgres-"+e.Major+"-"+hex.EncodeToString(sum[:6]))
	if _, err := readRecord(dir); err == nil {
		return dir, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	if err := d.initialise(ctx, e, dir); err != nil {
		return "", fmt.Errorf("make an empty cluster of %s: %w", e.Name, err)
	}
	return dir, nil
}

func (d *Driver) initialise(ctx context.Context, e datastore.Engine, dir string) error {
	parent := ""
	if e.Image != "" { // who runs images may see no other folder of ours
		parent = d.Empty
		if err := os.MkdirAll(parent, 0o711); err != nil {
			return err
		}
	}
	tmp, err := os.MkdirTemp(parent, "offshoot-initdb-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.WriteFile(filepath.Join(tmp, "password"), []byte(d.adminPassword()+"\n"), 0o600); err != nil {
		return err
	}
	run, err := d.initdb(ctx, e, tmp)
	if err != nil {
		return err
	}
	// Some systems have no C.UTF-8; texts are then sorted by bytes all the same.
	var failed error
	for _, locale := range []string{"C.UTF-8", "C"} {
		if failed = initdb(run, tmp, locale); failed == nil {
			break
		}
	}
	if failed != nil {
		return failed
	}
	partial := copytree.Partial(dir)
	if err := copytree.Remove(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o711); err != nil {
		return err
	}
	if _, err := copytree.Copy(ctx, filepath.Join(tmp, "data"), filepath.Join(partial, "data"), copytree.Options{}); err != nil {
		return err
	}
	if err := writeRecord(partial, record{Engine: e.Name, Bin: e.Bin}); err != nil {
		return err
	}
	return copytree.Publish(partial, dir, true)
}

// readable is where the user that initdb runs as finds the build's programs: a
// fetched one may lie where that user cannot look, and is copied.
func readable(ctx context.Context, e datastore.Engine, tmp string) (string, error) {
	if os.Geteuid() != 0 || len(e.Mounts()) == 0 {
		return e.Bin, nil
	}
	server := filepath.Join(tmp, "server")
	if _, err := copytree.Copy(ctx, e.Root, server, copytree.Options{}); err != nil {
		return "", err
	}
	below, err := filepath.Rel(e.Root, e.Bin)
	return filepath.Join(server, below), err
}

// initdb runs it to its end, and answers what it wrote.
func (d *Driver) initdb(ctx context.Context, e datastore.Engine, tmp string) (func(env []string, args ...string) ([]byte, error), error) {
	if e.Image != "" {
		user := fmt.Sprintf("%d:%d", d.User, d.User)
		// It asks what its user is called.
		known := filepath.Join(tmp, "passwd")
		if err := os.WriteFile(known, []byte("postgres:x:"+user+"::/:/bin/sh\n"), 0o644); err != nil {
			return nil, err
		}
		return func(env []string, args ...string) ([]byte, error) {
			if err := copytree.OwnAll(tmp, d.User, d.User); err != nil {
				return nil, err
			}
			return d.Program(ctx, staging.Program{Image: e.Image, User: user, Args: append([]string{"initdb"}, args...), Env: env,
				Mounts: map[string]string{tmp: tmp, known: "/etc/passwd"}})
		}, nil
	}
	bin, err := readable(ctx, e, tmp)
	return func(env []string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
		cmd.Env, cmd.Dir = append(env, "PATH=/usr/bin:/bin"), tmp
		if err := asOther(cmd, tmp); err != nil {
			return nil, err
		}
		return cmd.CombinedOutput()
	}, err
}

func initdb(run func(env []string, args ...string) ([]byte, error), tmp, locale string) error {
	data := filepath.Join(tmp, "data")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	out, err := run([]string{"LC_ALL=" + locale}, "-D", data, "-U", admin, "--pwfile", filepath.Join(tmp, "password"),
		"-A", "scram-sha-256", "-E", "UTF8", "--locale="+locale, "--no-sync")
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// asOther runs a program that refuses root as the user nobody, and gives it
// the folder that it works in.
func asOther(cmd *exec.Cmd, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(uid), int(gid))
	})
}
