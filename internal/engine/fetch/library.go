package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// library lets the Go library fetch and unpack. It has no call for these
// alone, so it is started twice with folders that cannot be: first for the
// programs, which leaves it with the archive in its cache; then, once the
// archive is seen to be the pinned one, for the data, which ends it after it
// has unpacked and before it runs anything.
func (r Request) library(ctx context.Context, tell func(int64)) error {
	// Every download of this process is the library's.
	http.DefaultTransport = &counted{next: http.DefaultTransport, ctx: ctx, tell: tell}
	cache := filepath.Join(r.Dir, "cache")
	nowhere := filepath.Join(r.Dir, "nowhere") // a link that leads nowhere: no folder can be made there
	if err := os.Symlink(filepath.Join(r.Dir, "absent"), nowhere); err != nil {
		return err
	}
	config := embedded.DefaultConfig().Version(embedded.PostgresVersion(r.Version)).CachePath(cache).Logger(io.Discard).
		RuntimePath(filepath.Join(r.Dir, "run")).DataPath(filepath.Join(r.Dir, "run") + "/.").Port(0)
	first := embedded.NewDatabase(config.BinariesPath(filepath.Join(nowhere, "build"))).Start()
	archive := filepath.Join(cache, "embedded-postgres-binaries-"+r.Platform+"-"+r.Version+".txz")
	if _, err := os.Stat(archive); err != nil {
		if first == nil {
			first = errors.New("the library ended without a word")
		}
		return fmt.Errorf("version %s: %w", r.Version, first)
	}
	if err := r.check(archive); err != nil {
		return err
	}
	build := filepath.Join(r.Dir, "build")
	second := embedded.NewDatabase(config.BinariesPath(build)).Start()
	if _, err := os.Stat(filepath.Join(build, "bin", "postgres")); err != nil {
		return fmt.Errorf("unpack version %s: %w", r.Version, second)
	}
	return os.Remove(archive)
}

// counted counts what comes, and ends it with its context.
type counted struct {
	next http.RoundTripper
	ctx  context.Context
	tell func(int64)
	done atomic.Int64
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r.WithContext(c.ctx))
	if err == nil && !strings.HasSuffix(r.URL.Path, ".sha256") {
		resp.Body = &counting{ReadCloser: resp.Body, to: c}
	}
	return resp, err
}

type counting struct {
	io.ReadCloser
	to *counted
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	const step = 256 << 10
	if before := c.to.done.Add(int64(n)) - int64(n); before/step != (before+int64(n))/step {
		c.to.tell(before + int64(n))
	}
	return n, err
}
