package imagebuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/util/staticfs"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"offshoot/internal/staging"
)

const (
	dockerfileName = "Dockerfile"
	ignoreName     = ".dockerignore"
	// maxText is what a Dockerfile or a .dockerignore may be long.
	maxText = 1 << 20
	// maxSecret is BuildKit's own limit for one secret:
	// https://github.com/moby/buildkit/blob/master/session/secrets/secrets.go
	maxSecret = 500 * 1000
)

// checkout is what builds may read: nothing outside, by whatever link.
type checkout struct{ root *os.Root }

// folder is a context: a folder of the checkout.
type folder struct {
	root  fsutil.Root
	files fsutil.FS
	// path is that in the checkout.
	path string
}

func (f *folder) close() { _ = f.root.Close() }

// inside is a path of a stack as one in the checkout.
func inside(p string) (string, bool) {
	clean := path.Clean(filepath.ToSlash(p))
	return filepath.FromSlash(clean), filepath.IsLocal(clean)
}

// open is the folder, whose owners are root in the image as with docker build.
func (c checkout) open(p string) (*folder, error) {
	name, ok := inside(p)
	if !ok {
		return nil, fmt.Errorf("the folder %s is not in the checkout", p)
	}
	dir, err := c.root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", p, plain(err))
	}
	root := fsutil.NewRoot(dir)
	files, err := fsutil.NewFilterFS(fsutil.NewRootFS(root), &fsutil.FilterOpt{Map: func(_ string, st *types.Stat) fsutil.MapResult {
		st.Uid, st.Gid = 0, 0
		return fsutil.MapResultKeep
	}})
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &folder{root: root, files: files, path: name}, nil
}

// read is a file's content, of at most limit bytes.
func (c checkout) read(p string, limit int64) ([]byte, error) {
	name, ok := inside(p)
	if !ok {
		return nil, fmt.Errorf("%s is not in the checkout", p)
	}
	// What is no file is not opened: a fifo would never answer.
	info, err := c.root.Stat(name)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("it is larger than %s", units.BytesSize(float64(limit)))
	}
	f, err := c.root.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// plain is an error of a path without the path and the call, which people did
// not write.
func plain(err error) error {
	var of *fs.PathError
	if !errors.As(err, &of) {
		return err
	}
	if of.Err.Error() == "path escapes from parent" { // the standard library has no name for it
		return errors.New("it leads out of the checkout")
	}
	return of.Err
}

// dockerfile is what a build does, and what it leaves out of its context.
type dockerfile struct {
	// path is that in the checkout, "" where the stack holds the text.
	path   string
	text   []byte
	ignore []byte
}

// dockerfile reads that of a build. A file of its name and .dockerignore goes
// before the context's.
func (c checkout) dockerfile(b staging.ImageBuild) (dockerfile, error) {
	var d dockerfile
	var err error
	if b.Inline != "" {
		d.text = []byte(b.Inline)
	} else {
		d.path = path.Join(b.Context, orDefault(b.Dockerfile, dockerfileName))
		d.text, err = c.read(d.path, maxText)
		if lower := path.Join(b.Context, strings.ToLower(dockerfileName)); errors.Is(err, fs.ErrNotExist) && b.Dockerfile == "" {
			if text, lowerErr := c.read(lower, maxText); lowerErr == nil {
				d.path, d.text, err = lower, text, nil
			}
		}
		if err != nil {
			return d, fmt.Errorf("%s cannot be read: %w", d.path, err)
		}
	}
	for _, name := range []string{d.path + ignoreName, path.Join(b.Context, ignoreName)} {
		if name == ignoreName && d.path == "" {
			continue
		}
		text, err := c.read(name, maxText)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, fmt.Errorf("%s cannot be read: %w", name, err)
		}
		d.ignore = text
		break
	}
	return d, nil
}

// files are the Dockerfile and its own .dockerignore as BuildKit asks for them.
func (d dockerfile) files() fsutil.FS {
	files := staticfs.NewFS()
	files.Add(dockerfileName, &types.Stat{Mode: 0o644}, d.text)
	if d.ignore != nil {
		files.Add(dockerfileName+ignoreName, &types.Stat{Mode: 0o644}, d.ignore)
	}
	return files
}

// bounds is how much a context may hold.
type bounds struct {
	files int
	bytes int64
}

// check refuses a context before any of it is sent: too much, or what is neither
// a file nor a folder nor a link.
func (f *folder) check(ctx context.Context, ignore []byte, most bounds) error {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(ignore))
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", ignoreName, err)
	}
	sent, err := fsutil.NewFilterFS(f.files, &fsutil.FilterOpt{ExcludePatterns: patterns})
	if err != nil {
		return fmt.Errorf("%s: %w", ignoreName, err)
	}
	var count int
	var size int64
	return sent.Walk(ctx, "/", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", p, plain(err))
		}
		if count++; count > most.files {
			return fmt.Errorf("the build context %s has more than %d files", f.path, most.files)
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", p, plain(err))
		}
		switch kind := info.Mode().Type(); {
		case kind == 0:
			// Whoever reads the folder for us takes sockets for empty files.
			if info.Size() == 0 && f.socket(p) {
				return fmt.Errorf("%s in the build context %s is a socket", p, f.path)
			}
			if size += info.Size(); size > most.bytes {
				return fmt.Errorf("the build context %s is larger than %s (with %s, of %s)", f.path,
					units.BytesSize(float64(most.bytes)), p, units.BytesSize(float64(info.Size())))
			}
		case kind&fs.ModeNamedPipe != 0:
			return fmt.Errorf("%s in the build context %s is a named pipe", p, f.path)
		case kind&(fs.ModeDevice|fs.ModeCharDevice|fs.ModeIrregular) != 0:
			return fmt.Errorf("%s in the build context %s is a device", p, f.path)
		}
		return nil
	})
}

func (f *folder) socket(p string) bool {
	info, err := f.root.Lstat(p)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
