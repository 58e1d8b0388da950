package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"offshoot/internal/staging"
)

// reserved is how much can still be written when the disk is full, in bytes:
// what is needed to take away the environment that filled it.
const reserved = 8 << 20

// reserve makes sure of that room: free pages in the file itself, and a log as
// large, which is kept and written over. Whoever fills the disk, one that
// writes without end too, gets none of it.
func reserve(ctx context.Context, db *sql.DB, path string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(c any) error {
		_, err := c.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the log: %w", err)
	}
	var free, size int64
	if err := errors.Join(conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free), conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size)); err != nil {
		return err
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() >= reserved && free*size >= reserved/2 {
		return nil
	}
	// In pieces, so that memory holds few of them at a time.
	fill := fmt.Sprintf("CREATE TABLE reserve AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT zeroblob(65536) FROM n", reserved/65536)
	for _, statement := range []string{"DROP TABLE IF EXISTS reserve", fill, "DROP TABLE reserve",
		"PRAGMA wal_checkpoint(RESTART)"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// full says of a write that found no room what to do.
func full(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code() == sqlite3.SQLITE_FULL {
		return staging.Errorf(staging.ClassCode(staging.ClassCapacity), "free space on the disk of the data directory", "the disk is full: %w", err)
	}
	return err
}
