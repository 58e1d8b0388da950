package store

import (
	"context"
	"database/sql"
)

// uninterrupted is a transaction whose statements run to their end, whatever
// becomes of who asked: SQLite takes back the whole transaction of one that is
// interrupted (sqlite3_interrupt), and others share it.
type uninterrupted struct {
	tx    *sql.Tx
	known *known
}

func (u uninterrupted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	if st := u.known.in(ctx, u.tx, query); st != nil {
		return st.ExecContext(ctx, args...)
	}
	return u.tx.ExecContext(ctx, query, args...)
}

func (u uninterrupted) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return u.tx.PrepareContext(context.WithoutCancel(ctx), query)
}

func (u uninterrupted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if st := u.known.in(ctx, u.tx, query); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return u.tx.QueryContext(ctx, query, args...)
}

func (u uninterrupted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	if st := u.known.in(ctx, u.tx, query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return u.tx.QueryRowContext(ctx, query, args...)
}

// known are the statements that the writer's connection has parsed: most take
// longer to parse than to run. They are those of the queries in ../queries, so
// there are never many. Only the writer uses it.
type known struct {
	parsed map[string]*sql.Stmt
	asked  []string
}

// in is a parsed statement within a transaction, nil for one that was never
// asked before: the only connection is the transaction's as long as that lasts.
func (k *known) in(ctx context.Context, tx *sql.Tx, query string) *sql.Stmt {
	if st := k.parsed[query]; st != nil {
		return tx.StmtContext(ctx, st)
	}
	k.asked = append(k.asked, query)
	return nil
}

// learn parses what was asked for the first time. What cannot be parsed has
// failed already.
func (k *known) learn(ctx context.Context, db *sql.DB) {
	for _, query := range k.asked {
		if k.parsed[query] != nil {
			continue
		}
		if st, err := db.PrepareContext(ctx, query); err == nil {
			k.parsed[query] = st
		}
	}
	k.asked = k.asked[:0]
}
