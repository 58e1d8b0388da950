package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
)

// labelLimit bounds beginning and ending a backup; the copy between them is
// bounded by the caller.
const labelLimit = 2 * time.Minute

// Backup implements datastore.Backuper by the server's own low-level backup
// (PostgreSQL documentation, "Making a Base Backup Using the Low Level API"):
// files are copied while they change, and the WAL of that time makes them
// whole when the copy is first started.
func (d *Driver) Backup(ctx context.Context, c datastore.Clone, at datastore.Endpoint, dir string, progress datastore.Progress) error {
	conn, err := d.connect(ctx, c, at, "postgres")
	if err != nil {
		return err
	}
	// With this session ends what is not ended: the slot, and the backup.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	begin, end, err := backupCalls(ctx, conn)
	if err != nil {
		return err
	}
	if err := labelled(ctx, func(ctx context.Context) error {
		// A temporary slot keeps the WAL that the copy will need.
		if _, err := conn.Exec(ctx, "SELECT pg_create_physical_replication_slot($1, true, true)", "offshoot_"+randomName()); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, begin)
		return err
	}); err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	if _, err := copytree.Copy(ctx, c.Dir, dir, copytree.Options{Progress: progress.Of("copying"), Live: true, Unsynced: true, Skip: notInBackup}); err != nil {
		return err
	}
	var label, spaces, last string
	if err := labelled(ctx, func(ctx context.Context) error {
		return conn.QueryRow(ctx, end).Scan(&last, &label, &spaces)
	}); err != nil {
		return fmt.Errorf("end the backup: %w", err)
	}
	first := startFile.FindStringSubmatch(label)
	if first == nil {
		return errors.New("the backup's label names no file of WAL")
	}
	if err := copyWAL(ctx, filepath.Join(c.Dir, "data"), filepath.Join(dir, "data", "pg_wal"), first[1], last); err != nil {
		return err
	}
	return writeLabel(filepath.Join(dir, "data"), c, map[string]string{"backup_label": label, "tablespace_map": spaces})
}

func labelled(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, labelLimit)
	defer cancel()
	return ask(ctx)
}

// backupCalls are the statements of this server's version: version 15 renamed
// them.
func backupCalls(ctx context.Context, conn *pgx.Conn) (begin, end string, err error) {
	var number int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return "", "", err
	}
	if number >= 150000 {
		return "SELECT pg_backup_start('offshoot', true)",
			"SELECT pg_walfile_name(lsn), labelfile, coalesce(spcmapfile, '') FROM pg_backup_stop(false)", nil
	}
	return "SELECT pg_start_backup('offshoot', true, false)",
		"SELECT pg_walfile_name(lsn), labelfile, coalesce(spcmapfile, '') FROM pg_stop_backup(false, false)", nil
}

func randomName() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var startFile = regexp.MustCompile(`START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)`)

// emptied are the folders of a data directory whose content a new server
// makes anew, or must not see.
var emptied = []string{"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"}

func notInBackup(rel string, entry fs.DirEntry) bool {
	inside, ok := strings.CutPrefix(rel, "data/")
	if !ok {
		return false
	}
	for _, dir := range emptied {
		if strings.HasPrefix(inside, dir+"/") {
			return true
		}
	}
	return leftOut[inside] || strings.HasPrefix(entry.Name(), "pgsql_tmp")
}

// copyWAL copies the files of WAL of a data directory from first to last, and
// the timelines'.
func copyWAL(ctx context.Context, from, to, first, last string) error {
	wal, err := openWithin(from, "pg_wal")
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(wal.FS(), ".")
	if err = errors.Join(err, wal.Close()); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	needed := map[string]bool{first: true, last: true}
	for _, e := range entries {
		name := e.Name()
		within := segmentName.MatchString(name) && name >= first && name <= last
		if !within && !strings.HasSuffix(name, ".history") {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := copytree.CopyFile(ctx, from, filepath.Join("pg_wal", name), filepath.Join(to, name)); err != nil {
			return err
		}
		delete(needed, name)
	}
	if len(needed) > 0 {
		return fmt.Errorf("WAL of the time of the copy is missing: %v", needed)
	}
	return nil
}

// writeLabel adds what the first start reads, and the folder that it expects.
func writeLabel(data string, c datastore.Clone, files map[string]string) error {
	status := filepath.Join(data, "pg_wal", "archive_status")
	if err := os.Mkdir(status, 0o700); err != nil {
		return err
	}
	if err := copytree.Own(status, c.UID, c.GID); err != nil {
		return err
	}
	for name, text := range files {
		if text == "" {
			continue
		}
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := copytree.Own(path, c.UID, c.GID); err != nil {
			return err
		}
	}
	return nil
}
