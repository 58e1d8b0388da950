package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// tidyLimit bounds packing one mirror.
	tidyLimit = 30 * time.Minute
	// looseLimit and packLimit are from how many objects, or packs of them, on a
	// mirror is packed anew: each fetch adds some, and all are looked through.
	looseLimit, packLimit = "gc.auto=500", "gc.autoPackLimit=50"
	// keepLost is how long commits are kept that no branch has any more: what is
	// deployed, or was a while ago, may be asked for again.
	keepLost = "gc.pruneExpire=90.days.ago"
)

// Tidy packs the mirrors to which fetches have added much. Others may fetch and
// check out meanwhile.
func (m *Mirrors) Tidy(ctx context.Context) error {
	list, err := filepath.Glob(filepath.Join(m.dir, "*.git"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range list {
		if err := m.tidy(ctx, dir); err != nil {
			if _, gone := os.Lstat(dir); gone != nil {
				continue // its project was removed meanwhile
			}
			errs = append(errs, fmt.Errorf("pack %s: %w", filepath.Base(dir), err))
		}
	}
	return errors.Join(errs...)
}

func (m *Mirrors) tidy(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, tidyLimit)
	defer cancel()
	if err := m.forgetWhole(ctx, strings.TrimSuffix(filepath.Base(dir), ".git")); err != nil {
		return err
	}
	_, err := m.run(ctx, dir, nil, "-c", looseLimit, "-c", packLimit, "-c", keepLost, "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")
	return err
}
