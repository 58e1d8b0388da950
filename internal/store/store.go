// Package store remembers: projects, environments, deployments, the ledger,
// snapshots, variables and events, in one SQLite file.
//
// It decides nothing and never sees a secret in the clear: what is sealed
// comes and goes sealed. The rules that no writer may break - one live
// environment a slug, deletion that sticks, generations that only grow - are
// in the schema.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

//go:embed migrations/*.sql
var migrations embed.FS

// openReaders bounds the connections that only read.
const openReaders = 4

// openTimeout bounds opening and migrating the file.
const openTimeout = time.Minute

// Store is safe for concurrent use. Its readers see the last commit; a Tx sees
// its own writes too.
type Store struct {
	Readers
	writer  *sql.DB
	readers *sql.DB
	path    string

	known     *known
	waits     bool        // whether a commit of the writer's waits for the disk
	unsettled atomic.Bool // whether the disk has yet to hear of one that did not
	settling  atomic.Bool // whether it is just being told

	requests chan *request
	stop     context.CancelFunc
	done     chan struct{}
	feed     feed
	close    sync.Once
	closeErr error
}

// Open opens the file at path, making it and bringing its schema up to date
// where needed. A file that a newer version wrote is refused untouched.
func Open(ctx context.Context, path string, log *slog.Logger) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := private(path); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", address(path, "_txlock=immediate", "_pragma=synchronous(FULL)"))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	writer.SetMaxOpenConns(1)
	if err := migrate(ctx, writer, path); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	if err := reserve(ctx, writer, path); err != nil {
		log.Warn("a disk that fills up will stop the store: no room could be reserved", "error", err)
	}
	readers, err := sql.Open("sqlite", address(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), writer.Close())
	}
	readers.SetMaxOpenConns(openReaders)
	// Parsed once for each connection: most take longer to parse than to run.
	reads, err := statement.Prepare(ctx, readers)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), readers.Close(), writer.Close())
	}
	run, stop := context.WithCancel(context.Background())
	s := &Store{Readers: Readers{reads}, writer: writer, readers: readers, path: path, known: &known{parsed: map[string]*sql.Stmt{}}, waits: true,
		requests: make(chan *request), stop: stop, done: make(chan struct{})}
	go s.write(run)
	return s, nil
}

// private makes the file before SQLite does, readable by its owner alone: its
// side files inherit the mode.
func private(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("folder of the store: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	return f.Close()
}

func address(path string, options ...string) string {
	query := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
	for _, o := range options {
		query += "&" + o
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}).String()
}

func migrate(ctx context.Context, db *sql.DB, path string) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return staging.Errorf(staging.CodeInternal, "is it a store of Offshoot? `offshoot restore` brings a backup back", "read store %s: %w", path, err)
	}
	if current > target {
		return staging.Refused("start the newer version, or restore a backup made by this one",
			"store %s was written by a newer version (schema %d, this one knows %d)", path, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring store %s up to date: %w", path, err)
	}
	return nil
}

// Close waits for writes under way. It may be called more than once.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.stop()
		<-s.done
		s.feed.close()
		s.closeErr = errors.Join(s.readers.Close(), s.writer.Close())
	})
	return s.closeErr
}
