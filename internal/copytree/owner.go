package copytree

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Own gives a path, never what it links to, to a user and group. Only root can;
// for others, as for 0 or less, it stays whose it is.
func Own(path string, uid, gid int) error {
	if os.Geteuid() != 0 || uid <= 0 {
		return nil
	}
	return os.Lchown(path, uid, gid)
}

// OwnAll is Own for a folder and all that is in it.
func OwnAll(dir string, uid, gid int) error {
	if os.Geteuid() != 0 || uid <= 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// owners are the uid and gid that a copied path gets.
func (r *run) owners(info fs.FileInfo) (uid, gid int) {
	uid, gid = ownerOf(info)
	if r.options.UID > 0 {
		uid = r.options.UID
	}
	if r.options.GID > 0 {
		gid = r.options.GID
	}
	return uid, gid
}

// own gives a path to its owner. Only root can; others keep their own.
func (r *run) own(path string, info fs.FileInfo) error {
	if !r.root {
		return nil
	}
	uid, gid := r.owners(info)
	return os.Lchown(path, uid, gid)
}

// modeOf drops set-user-id and set-group-id from files: handed to another
// owner they would lend that owner's rights to whoever runs them.
func (r *run) modeOf(info fs.FileInfo) fs.FileMode {
	mode := info.Mode() & (fs.ModePerm | fs.ModeSticky)
	if info.IsDir() {
		mode |= info.Mode() & fs.ModeSetgid
	}
	if r.options.Writable {
		mode |= 0o200
	}
	return mode
}

func (r *run) finish(path string, info fs.FileInfo) error {
	if err := r.own(path, info); err != nil {
		return err
	}
	if err := os.Chmod(path, r.modeOf(info)); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, info.ModTime())
}
