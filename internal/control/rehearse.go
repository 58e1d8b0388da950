package control

import (
	"context"
	"errors"
	"fmt"

	"offshoot/internal/staging"
	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// errRehearsed takes back what a request wrote that only asks what would
// happen.
var errRehearsed = errors.New("rehearsed")

// rehearsal is what a request would have made of an environment.
type rehearsal struct {
	env   staging.Environment
	fresh bool
	says  string
}

// note keeps what was written, to be shown after it was taken back.
func (r *rehearsal) note(ctx context.Context, t *store.Tx, before staging.Environment, fresh bool, rev staging.Revision) error {
	after, err := t.Environment(ctx, before.ID)
	if err != nil {
		return err
	}
	at := rev.ID[:min(10, len(rev.ID))]
	switch {
	case fresh && after.After != "":
		r.says = fmt.Sprintf("would create %s at %s, when the one that is being destroyed is gone", after.Slug, at)
	case fresh:
		r.says = fmt.Sprintf("would create %s at %s", after.Slug, at)
	case after.Generation == before.Generation:
		r.says = fmt.Sprintf("would deploy nothing: %s serves, or is being deployed", at)
	case before.Deployed.Revision == "":
		r.says = fmt.Sprintf("would deploy %s; nothing serves", at)
	default:
		r.says = fmt.Sprintf("would deploy %s; %s serves", at, before.Deployed.Revision[:min(10, len(before.Deployed.Revision))])
	}
	if fresh {
		switch after.Desired.Snapshot {
		case "":
			r.says += ", with the data of the newest snapshot of shared staging"
		case "none":
			r.says += ", with no data"
		default:
			r.says += ", with the data of snapshot " + after.Desired.Snapshot
		}
		if after.Kind == staging.KindShared && after.Desired.Snapshot == "" {
			r.says = fmt.Sprintf("would create the shared environment %s at %s, with no data", after.Slug, at)
		}
	}
	r.env, r.fresh = after, fresh
	r.env.Current = before.Current // the new deployment was taken back
	return errRehearsed
}

// shown is the environment as it would be; reason says what would happen.
func (s *Service) shown(ctx context.Context, r rehearsal) (wire.Environment, error) {
	var p picture
	if err := s.Store.Read(ctx, func(now store.Readers) (err error) {
		p, err = around(ctx, now, r.env)
		return err
	}); err != nil {
		return wire.Environment{}, err
	}
	v, err := s.view(ctx, p, false)
	if v.Reason = r.says; r.fresh {
		v.ID = "" // it would get another
	}
	return v, err
}
