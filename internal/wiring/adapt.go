package wiring

import (
	"context"

	"offshoot/internal/api"
	"offshoot/internal/control"
	"offshoot/internal/reconcile"
	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// ledger is the store as reconcile sees it.
type ledger struct{ *store.Store }

func (l ledger) Read(ctx context.Context, do func(reconcile.Reader) error) error {
	return l.Store.Read(ctx, func(r store.Readers) error { return do(r) })
}

func (l ledger) Write(ctx context.Context, do func(reconcile.Writer) error) error {
	return l.Store.Write(ctx, func(t *store.Tx) error { return do(t) })
}

func (l ledger) WriteSoon(ctx context.Context, do func(reconcile.Writer) error) error {
	return l.Store.WriteSoon(ctx, func(t *store.Tx) error { return do(t) })
}

// feed gives the API its own words for what control is asked.
type feed struct{ *control.Service }

func (f feed) Events(ctx context.Context, q api.EventQuery) ([]staging.Event, error) {
	return f.Service.Events(ctx, store.EventFilter{After: q.After, Project: q.Project, Environment: q.Environment, Limit: q.Limit}, q.Patience)
}

func (f feed) Logs(ctx context.Context, id string, q api.LogQuery, line func(wire.LogLine) error) error {
	return f.Service.Logs(ctx, id, control.LogQuery{Service: q.Service, Step: q.Step, Follow: q.Follow, Tail: q.Tail, Since: q.Since, Previous: q.Previous, After: q.After}, line)
}

type sessions struct{ *control.Service }

func (s sessions) Attach(ctx context.Context, id string, r wire.Session, io api.Attached) (int, error) {
	return s.Service.Attach(ctx, id, r, control.Attached{Stdin: io.Stdin, Stdout: io.Stdout, Stderr: io.Stderr, Resize: io.Resize})
}
