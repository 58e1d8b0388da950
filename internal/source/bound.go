package source

import (
	"bytes"
	"context"
	"syscall"
	"time"

	"offshoot/internal/staging"
)

// What a commit may unpack to. A few objects that name each other make billions
// of files, and Git's index holds the names of all in memory: so they are counted
// first.
const (
	maxFiles = 2_000_000
	maxNames = 512 << 20
)

// names are the paths of all files of a commit, each with a NUL behind it.
func (m *Mirrors) names(ctx context.Context, mirror, id string) ([]byte, error) {
	var out counted
	err := m.stream(ctx, mirror, nil, &out, "ls-tree", "-r", "-z", "--full-tree", "--name-only", "--end-of-options", id)
	if out.over {
		return nil, staging.Errorf(staging.ClassCode(staging.ClassSource), "take out of the repository what a build makes; at most 2 million files are checked out",
			"commit %s has more files than any checkout may have", id[:min(12, len(id))])
	}
	return out.text.Bytes(), err
}

// counted keeps the names of files until they are too many.
type counted struct {
	text  bytes.Buffer
	files int
	over  bool
}

// Write refuses what is too much, which ends who writes it.
func (c *counted) Write(p []byte) (int, error) {
	c.files += bytes.Count(p, []byte{0})
	if c.over = c.files > maxFiles || c.text.Len()+len(p) > maxNames; c.over {
		return 0, syscall.EFBIG
	}
	return c.text.Write(p)
}

const (
	// sparePercent of a disk's bytes and files a checkout leaves to whoever else
	// writes there.
	sparePercent = 2
	// spareEvery is how often it is looked: a disk takes a second for a gigabyte.
	spareEvery = 100 * time.Millisecond
)

// errSpare is why a checkout ends that would fill the disk.
var errSpare = staging.Errorf(staging.ClassCode(staging.ClassCapacity), "free space on the server's data folder, or take large files out of the repository; nothing was left behind",
	"the disk has no room for the files of this commit")

// sparing is a context that ends with errSpare before what is written below dir
// fills its disk. Only Git knows how large a commit's files are, and tells it
// no sooner than it writes them.
func sparing(ctx context.Context, dir string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			timer := time.NewTimer(spareEvery)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
				if short(dir) {
					cancel(errSpare)
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func short(dir string) bool {
	var disk syscall.Statfs_t
	if syscall.Statfs(dir, &disk) != nil {
		return false
	}
	return uint64(disk.Bavail) < uint64(disk.Blocks)/100*sparePercent || disk.Files > 0 && disk.Ffree < disk.Files/100*sparePercent
}
