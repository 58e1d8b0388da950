package reconcile

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"offshoot/internal/copytree"
	"offshoot/internal/human"
	"offshoot/internal/plan"
	"offshoot/internal/staging"
)

// diskFull says in plain words what the kernel says in its own; dir is where
// the space was lacking.
func diskFull(err error, dir string) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	message := "the disk is full" + freeIn(dir)
	var room *copytree.NoRoom
	switch {
	case !errors.As(err, &room):
	case room.Files:
		message = fmt.Sprintf("the disk is full: %d more files can be made in %s, %d are needed", room.Free, dir, room.Needed)
	default:
		message += ", " + human.Size(room.Needed) + " are needed"
	}
	return &staging.Error{Code: staging.ClassCode(staging.ClassCapacity), Message: message, Err: err,
		Hint: "free space on the server's data folder, then try again; nothing was left behind"}
}

// nothingLeft is how little counts as none: what failed may not have been able to
// write even that it did.
const (
	nothingLeft      = 4 << 20
	nothingLeftFiles = 64
)

// freeIn is how much is free there, or in the nearest folder above that exists.
func freeIn(dir string) string {
	var disk syscall.Statfs_t
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if syscall.Statfs(dir, &disk) == nil {
			if disk.Files > 0 && disk.Ffree < nothingLeftFiles {
				return fmt.Sprintf(": %d more files can be made in %s", disk.Ffree, dir)
			}
			return fmt.Sprintf(": %s are free in %s", human.Size(int64(disk.Bavail)*int64(disk.Bsize)), dir)
		}
	}
	return ""
}

func isFull(dir string) bool {
	var disk syscall.Statfs_t
	return syscall.Statfs(dir, &disk) == nil && (int64(disk.Bavail)*int64(disk.Bsize) < nothingLeft || disk.Files > 0 && disk.Ffree < nothingLeftFiles)
}

// noRoom are what programs say that could not write for want of space.
var noRoom = []string{syscall.ENOSPC.Error(), syscall.EDQUOT.Error()}

// blameDisk gives a failure the class of what was lacking where we could not
// write, or what failed says that it could not: the branch may be as it should.
func (a *actor) blameDisk(f *staging.Failure, err error) {
	dir := "/"
	if within, pathErr := a.Folders.Path(plan.Name(a.id, staging.ResourceCheckout, "0")); pathErr == nil {
		dir = filepath.Dir(filepath.Dir(within))
	}
	says := func(text string) bool {
		return slices.ContainsFunc(noRoom, func(words string) bool { return strings.Contains(strings.ToLower(text), words) })
	}
	var full *staging.Error
	switch {
	case f.Class == staging.ClassCapacity:
	case errors.As(diskFull(err, dir), &full) && full.Code == staging.ClassCode(staging.ClassCapacity):
		f.Class, f.Message, f.Hint = staging.ClassCapacity, full.Message, full.Hint
	case f.Hint != "" && !isFull(dir) && (says(f.Message) || slices.ContainsFunc(f.LogTail, says)):
		f.Class = staging.ClassCapacity // another disk: who failed knows which
	case says(f.Message), slices.ContainsFunc(f.LogTail, says), isFull(dir):
		f.Class = staging.ClassCapacity
		f.Message += "; the disk was full" + freeIn(dir)
		f.Hint = "does it write more than it should? else free space on the server's data folder, then try again"
	}
}
