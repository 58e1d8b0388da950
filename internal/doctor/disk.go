package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"offshoot/internal/copytree"
	"offshoot/internal/storage"
)

// nearest is the data folder, or what it would be made in.
func (h Host) nearest() string {
	dir := h.Dir
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (h Host) folder(context.Context) []Check {
	info, err := os.Stat(h.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := unix.Access(h.nearest(), unix.W_OK); err != nil {
			return fail("data folder", h.Dir+" is not there, and "+h.nearest()+" may not be written", "choose another --data-dir, or make it: install -d -o \"$USER\" "+h.Dir)
		}
		return ok("data folder", h.Dir+" is not there yet; the first start makes it")
	}
	if err != nil {
		return fail("data folder", err.Error(), "choose another --data-dir")
	}
	if err := storage.Local(h.Dir); err != nil {
		return fail("data folder", err.Error(), "choose a --data-dir on a disk of this machine")
	}
	var st unix.Stat_t
	if err := unix.Stat(h.Dir, &st); err != nil {
		return fail("data folder", err.Error(), "choose another --data-dir")
	}
	switch {
	case !info.IsDir():
		return fail("data folder", h.Dir+" is no folder", "choose another --data-dir")
	case unix.Access(h.Dir, unix.W_OK) != nil:
		return fail("data folder", fmt.Sprintf("%s is user %d's, and may not be written", h.Dir, st.Uid), "run this as the user of the server, or choose another --data-dir")
	case info.Mode().Perm()&0o022 != 0:
		return fail("data folder", fmt.Sprintf("others may write in %s (%s)", h.Dir, info.Mode().Perm()), "chmod go-w "+h.Dir)
	}
	for _, secret := range []string{"master.key", "admin-token"} {
		if info, err := os.Stat(filepath.Join(h.Dir, secret)); err == nil && info.Mode().Perm()&0o077 != 0 {
			return fail("data folder", "others may read "+filepath.Join(h.Dir, secret), "chmod 600 "+filepath.Join(h.Dir, secret))
		}
	}
	return ok("data folder", h.Dir)
}

// copies is how data is cloned there.
func (h Host) copies(context.Context) []Check {
	dir := h.nearest()
	if unix.Access(dir, unix.W_OK) != nil {
		return nil // said by folder
	}
	strategy, err := copytree.Probe(dir)
	switch {
	case err != nil:
		return fail("copies", err.Error(), "choose another --data-dir")
	case strategy == copytree.Plain:
		return warn("copies", "the file system of "+dir+" cannot copy by reference: each environment's data is copied byte by byte",
			"a pool that can, as root, with the server stopped: offshoot storage init --size 100G; or a --data-dir on XFS or btrfs")
	}
	return ok("copies", "data is cloned by "+string(strategy)+", whatever its size")
}

// Below lowSpace of the disk no environments are made, below leastSpace the
// server warns; in percent.
const lowSpace, leastSpace = 15, 8

func (h Host) space(context.Context) []Check {
	dir := h.nearest()
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil || disk.Blocks == 0 {
		return warn("disk", fmt.Sprintf("how full %s is cannot be told", dir), "")
	}
	free, percent := disk.Bavail*uint64(disk.Bsize), 100*disk.Bavail/disk.Blocks
	text := fmt.Sprintf("%.1f GB free where %s is, %d %%", float64(free)/1e9, h.Dir, percent)
	switch {
	case percent < leastSpace:
		return fail("disk", text, "free space, or choose another --data-dir: under 15 % no environment is made")
	case percent < lowSpace:
		return warn("disk", text, "free space: under 15 % no environment is made")
	}
	return ok("disk", text)
}
