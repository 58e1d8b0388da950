package storage

import (
	"os"
	"syscall"

	"offshoot/internal/staging"
)

// Own refuses a data directory of another user: who owns it may put other
// keys, and other programs, in the place of the server's.
func Own(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return own(dir, info, os.Geteuid())
}

func own(dir string, info os.FileInfo, user int) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) != user {
		return staging.Refused("start the server as that user, or choose another --data-dir", "%s belongs to user %d, and this is user %d", dir, stat.Uid, user)
	}
	return nil
}
