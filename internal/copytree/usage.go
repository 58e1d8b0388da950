package copytree

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Space is what the files of a directory take, in bytes.
type Space struct {
	// Logical is what they would take as copies of their own, without holes.
	Logical int64
	// Unique is what no other file shares: what deleting them would free.
	Unique int64
}

// Usage measures a directory while it may be in use: what goes meanwhile is
// left out. Where the file system shares nothing, all is unique.
func Usage(dir string) (Space, error) {
	var total Space
	shares := Between(dir, filepath.Dir(dir)) != Plain
	err := files(context.Background(), dir, func(path string, info fs.FileInfo) error {
		taken := info.Size()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			taken = s.Blocks * 512 // stat(2): always units of 512
		}
		total.Logical += taken
		if shares && taken > 0 {
			shared, err := sharedBytes(path)
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			taken -= min(taken, shared)
		}
		total.Unique += taken
		return nil
	})
	return total, err
}

// Size is how many bytes the files of a directory hold together, holes too,
// while it may be in use: what goes meanwhile is left out.
func Size(ctx context.Context, dir string) (int64, error) {
	var total int64
	err := files(ctx, dir, func(_ string, info fs.FileInfo) error {
		total += info.Size()
		return nil
	})
	return total, err
}

// files visits the regular files below dir that do not go meanwhile.
func files(ctx context.Context, dir string, visit func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if os.IsNotExist(err) && path != dir {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return visit(path, info)
	})
}
