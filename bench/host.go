package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// host is the ground that everything is measured on: a folder on a reflink
// pool, and a server of the program's.
type host struct {
	binary string
	runs   int
	// pool is the file system that dir lies on; mounted is whether it is ours.
	pool    string
	mounted bool
	root    string
	dir     string
	server  *server
}

func (h *host) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

const poolSize = 24 << 30

func newHost(ctx context.Context, binary string, runs int) (*host, error) {
	path, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "offshoot-bench-")
	if err != nil {
		return nil, err
	}
	h := &host{binary: path, runs: runs, root: root, dir: filepath.Join(root, "pool"), pool: "as the temporary folder's"}
	if err := os.Chmod(root, 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return h, nil
	}
	image := filepath.Join(root, "image")
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(poolSize), f.Close()); err != nil {
		return nil, err
	}
	if _, err := command(ctx, root, nil, "mkfs.xfs", "-q", "-m", "reflink=1", image); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	if _, err := command(ctx, root, nil, "mount", "-o", "loop", image, h.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(root))
	}
	h.pool, h.mounted = "xfs with reflink on a loop device", true
	return h, nil
}

func (h *host) close() error {
	var err error
	if h.server != nil {
		err = h.server.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if h.mounted {
		if _, e := command(ctx, h.root, nil, "umount", h.dir); e != nil {
			return errors.Join(err, e)
		}
	}
	return errors.Join(err, os.RemoveAll(h.root))
}

// command runs a program to its end; its output is part of the error.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if env != nil {
		cmd.Env = append(os.Environ(), env...)
	}
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return time.Since(begin), nil
}
