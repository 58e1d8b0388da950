package copytree

import (
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
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
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
