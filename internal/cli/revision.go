package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// revisionLimit bounds reading a branch out of a checkout.
const revisionLimit = time.Minute

// maxChecked bounds one file that check reads out of a branch, in bytes; what
// is larger says nothing of a stack.
const maxChecked = 2 << 20

// revision writes the files of a branch into a folder, as a checkout of it has
// them, and answers their paths.
func revision(ctx context.Context, branch, dir string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, revisionLimit)
	defer cancel()
	commit := ""
	for _, ref := range []string{"refs/heads/" + branch, "refs/remotes/origin/" + branch} {
		if commit == "" {
			commit = git(ctx, "rev-parse", "--quiet", "--verify", "--end-of-options", ref+"^{commit}")
		}
	}
	if commit == "" {
		return nil, staging.NotFound("give a folder, or a branch of the checkout that you are in", "there is no folder and no branch %q", branch)
	}
	// Blobs as they are: an archive would leave out what attributes say.
	tree, err := output(ctx, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	return unpack(ctx, tree, dir)
}

// output is what git answers at the top of the checkout.
func output(ctx context.Context, args ...string) ([]byte, error) {
	cmd := gitCommand(ctx, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return out, nil
}

// entry is one file of a tree.
type entry struct {
	mode, id, name string
}

// unpack writes the files of a tree as git lists them.
func unpack(ctx context.Context, tree []byte, dir string) (map[string]bool, error) {
	var entries []entry
	var ids strings.Builder
	paths := map[string]bool{}
	for _, line := range strings.Split(string(tree), "\x00") {
		about, name, _ := strings.Cut(line, "\t")
		f := strings.Fields(about)
		if len(f) != 3 || f[1] != "blob" {
			continue // a submodule
		}
		entries = append(entries, entry{f[0], f[2], name})
		ids.WriteString(f[2] + "\n")
		for p := path.Clean(name); p != "."; p = path.Dir(p) {
			paths[p] = true
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	cmd := gitCommand(ctx, "cat-file", "--batch")
	cmd.Stdin = strings.NewReader(ids.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	blobs := bufio.NewReader(out)
	for _, e := range entries {
		if err = e.write(root, blobs); err != nil {
			_ = cmd.Process.Kill()
			break
		}
	}
	return paths, errors.Join(err, cmd.Wait())
}

// write puts the next blob of a batch in its place.
func (e entry) write(root *os.Root, blobs *bufio.Reader) error {
	head, err := blobs.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read %s: %w", e.name, err)
	}
	f := strings.Fields(head)
	if len(f) != 3 {
		return fmt.Errorf("read %s: git answers %q", e.name, head)
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		return err
	}
	content := io.LimitReader(blobs, size)
	if err := root.MkdirAll(path.Dir(e.name), 0o755); err != nil {
		return err
	}
	if e.mode == "120000" {
		target, err := io.ReadAll(io.LimitReader(content, 4096))
		if err == nil {
			err = root.Symlink(string(target), e.name)
		}
		if err != nil {
			return err
		}
	} else if err := writeChecked(root, e.name, content, size); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	_, err = blobs.Discard(1)
	return err
}

func writeChecked(root *os.Root, name string, from io.Reader, size int64) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if size > maxChecked {
		return errors.Join(f.Truncate(size), f.Close())
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// listed is what one git command names in a folder, with what lies above each;
// nil where the folder is in no repository.
func listed(ctx context.Context, dir string, args ...string) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, revisionLimit)
	defer cancel()
	cmd := gitCommand(ctx, append([]string{"ls-files", "-z"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	paths := map[string]bool{}
	for _, name := range strings.Split(string(out), "\x00") {
		if name != "" {
			paths[path.Clean(name)] = true
		}
	}
	return paths
}
