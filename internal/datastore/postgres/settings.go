package postgres

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/copytree"
	"offshoot/internal/datastore"
)

// ours are the settings of every cluster. Port, addresses and what a power cut
// must not break come with the command.
const ours = `max_connections = 60
shared_buffers = 32MB
wal_level = replica
max_wal_senders = 2
max_wal_size = 512MB
min_wal_size = 32MB
jit = off
huge_pages = off
timezone = 'UTC'
password_encryption = 'scram-sha-256'
max_logical_replication_workers = 0
log_min_duration_statement = -1
log_line_prefix = ''
logging_collector = off
log_destination = 'stderr'
update_process_title = off
`

// disconnectSince is the first major version whose server looks, while it works
// on a statement, whether who asked is still there.
const disconnectSince = 14

// adjustable are the settings that a stack's command may give its server, as
// `-c NAME=VALUE` or `--NAME=VALUE`. None names a program or a file.
var adjustable = []string{"max_connections", "shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "temp_buffers",
	"max_wal_size", "min_wal_size", "wal_level", "max_replication_slots", "max_prepared_transactions", "max_locks_per_transaction",
	"max_worker_processes", "max_parallel_workers", "max_parallel_workers_per_gather", "random_page_cost", "effective_io_concurrency",
	"default_statistics_target", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "deadlock_timeout",
	"default_transaction_isolation", "default_text_search_config", "datestyle", "intervalstyle", "timezone", "lc_messages",
	"lc_monetary", "lc_numeric", "lc_time", "log_statement", "log_min_duration_statement", "log_min_messages", "log_connections",
	"log_disconnections", "autovacuum", "autovacuum_naptime", "track_activity_query_size", "track_io_timing", "jit", "checkpoint_timeout",
	"shared_preload_libraries", "search_path", "row_security", "standard_conforming_strings", "client_encoding"}

// preloads are the libraries that a server may load at its start: those that
// come with it and that neither run programs nor reach outside.
var preloads = []string{"pg_stat_statements", "auto_explain"}

var settingValue = regexp.MustCompile(`^[A-Za-z0-9_./,:+ "$-]*$`)

// declared are the adjustable settings among a command's arguments, as a
// server's own arguments; the rest is left out. They are no part of the data: a
// stack that changes them is served with others from its next deployment on.
func declared(args []string) []string {
	var settings []string
	for i := 0; i < len(args); i++ {
		var pair string
		switch {
		case args[i] == "-c" && i+1 < len(args):
			i++
			pair = args[i]
		case strings.HasPrefix(args[i], "-c"):
			pair = args[i][2:]
		case strings.HasPrefix(args[i], "--"):
			pair = args[i][2:]
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
		if !ok || !slices.Contains(adjustable, name) || !settingValue.MatchString(value) {
			continue
		}
		switch {
		case name == "shared_preload_libraries":
			value = strings.Join(slices.DeleteFunc(strings.Split(value, ","), func(l string) bool {
				return !slices.Contains(preloads, strings.TrimSpace(l))
			}), ",")
		case name == "wal_level" && value != "logical":
			continue // a copy of a running server needs at least replica
		}
		settings = append(settings, "-c", name+"="+value)
	}
	return settings
}

// configure writes the settings that are ours. Our own superuser comes in by the
// socket alone: its password is the same in each cluster, and whoever answered at
// one's socket could pass on what it is asked to another's port.
func configure(data string, c datastore.Clone, rec record, within bool) error {
	from := "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n"
	if within { // a network of the environment's own
		from = "host all all all scram-sha-256\n"
		if c.Store.Password == "" { // as written: whoever gives none comes in
			from = "host all all all trust\n"
		}
	}
	commit := "off" // at most the last second is lost by a power cut
	if c.Shared {
		commit = "on"
	}
	settings := ours + "synchronous_commit = " + commit + "\n"
	if major, err := strconv.Atoi(majorOf(rec.Engine)); err == nil && major >= disconnectSince {
		// Whoever was killed leaves no statement that keeps its locks: the next
		// release would wait for them.
		settings += "client_connection_check_interval = 5s\n"
	}
	files := map[string]string{
		"postgresql.conf":      settings,
		"pg_hba.conf":          "local all all scram-sha-256\nhost all " + admin + " all reject\n" + from,
		"pg_ident.conf":        "",
		"postgresql.auto.conf": "",
	}
	for name, text := range files {
		path := filepath.Join(data, name)
		if err := copytree.Remove(path); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := copytree.Own(path, c.UID, c.GID); err != nil {
			return err
		}
	}
	return nil
}
