package store

import (
	"context"
	"database/sql"
	"errors"

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

// TokenByHash finds a token by the hash of its secret; found tells none.
func (r Readers) TokenByHash(ctx context.Context, hash string) (t staging.Token, found bool, err error) {
	doc, err := r.q.TokenByHash(ctx, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, err
	}
	t, err = decode[staging.Token](doc)
	return t, err == nil, err
}

// Token finds a token by id.
func (r Readers) Token(ctx context.Context, id string) (staging.Token, error) {
	doc, err := r.q.Token(ctx, id)
	return one[staging.Token](doc, err, "token", id)
}

// Tokens are all, by id; expired ones too.
func (r Readers) Tokens(ctx context.Context) ([]staging.Token, error) {
	docs, err := r.q.Tokens(ctx)
	return many[staging.Token](docs, err)
}

// PutToken keeps a new token; ids and secrets are never used twice.
func (t *Tx) PutToken(ctx context.Context, k staging.Token) error {
	doc, err := encode(k)
	if err != nil {
		return err
	}
	return t.q.PutToken(ctx, statement.PutTokenParams{ID: k.ID, Hash: k.Hash, Document: doc})
}

// DeleteToken revokes: what it opened is closed from the next request on.
func (t *Tx) DeleteToken(ctx context.Context, id string) error { return t.q.DeleteToken(ctx, id) }
