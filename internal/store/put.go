package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("store a %T: %w", v, err)
	}
	return string(text), nil
}

// instant is a time in the form that columns are sorted by: microseconds since
// 1970, 0 for none.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// PutProject inserts or replaces.
func (t *Tx) PutProject(ctx context.Context, p staging.Project) error {
	doc, err := encode(p)
	if err != nil {
		return err
	}
	return t.q.PutProject(ctx, statement.PutProjectParams{Name: p.Name, Document: doc})
}

// DeleteProject fails while environments or snapshots of it are remembered.
func (t *Tx) DeleteProject(ctx context.Context, name string) error {
	return t.q.DeleteProject(ctx, name)
}

// PutEnvironment inserts or replaces; project, branch and slug of what exists
// never change. It fails where it would undo a deletion, lower the generation,
// or give a slug to a second environment.
func (t *Tx) PutEnvironment(ctx context.Context, e staging.Environment) error {
	doc, err := encode(e)
	if err != nil {
		return err
	}
	deleting := int64(0)
	if !e.DeleteRequestedAt.IsZero() {
		deleting = 1
	}
	return t.q.PutEnvironment(ctx, statement.PutEnvironmentParams{ID: e.ID, Project: e.Project, Branch: e.Branch, Slug: e.Slug,
		Phase: string(e.Phase), Generation: e.Generation, CreatedAt: instant(e.CreatedAt), Deleting: deleting, Document: doc})
}

// DeleteEnvironment forgets a destroyed environment and its history.
func (t *Tx) DeleteEnvironment(ctx context.Context, id string) error {
	return t.q.DeleteEnvironment(ctx, id)
}

// DeleteDeployment forgets one of an environment's history.
func (t *Tx) DeleteDeployment(ctx context.Context, id string) error {
	return t.q.DeleteDeployment(ctx, id)
}

// PutDeployment inserts or replaces.
func (t *Tx) PutDeployment(ctx context.Context, d staging.Deployment) error {
	doc, err := encode(d)
	if err != nil {
		return err
	}
	return t.q.PutDeployment(ctx, statement.PutDeploymentParams{ID: d.ID, Environment: d.Environment, Generation: d.Generation,
		Outcome: string(d.Outcome), StartedAt: instant(d.StartedAt), Document: doc})
}

// PutResource inserts or replaces a row of the ledger.
func (t *Tx) PutResource(ctx context.Context, r staging.Resource) error {
	doc, err := encode(r)
	if err != nil {
		return err
	}
	return t.q.PutResource(ctx, statement.PutResourceParams{Name: r.Name, Kind: string(r.Kind), Owner: r.Owner,
		State: string(r.State), Document: doc})
}

// DeleteResource removes the row of what was seen absent.
func (t *Tx) DeleteResource(ctx context.Context, name string) error {
	return t.q.DeleteResource(ctx, name)
}

// PutSnapshot inserts or replaces.
func (t *Tx) PutSnapshot(ctx context.Context, s staging.Snapshot) error {
	doc, err := encode(s)
	if err != nil {
		return err
	}
	return t.q.PutSnapshot(ctx, statement.PutSnapshotParams{ID: s.ID, Project: s.Project, TakenAt: instant(s.TakenAt), Document: doc})
}

// DeleteSnapshot removes the row of a snapshot whose data is gone.
func (t *Tx) DeleteSnapshot(ctx context.Context, id string) error { return t.q.DeleteSnapshot(ctx, id) }

// PutVariable inserts or replaces. A secret that still carries its value is an
// error: it was not sealed.
func (t *Tx) PutVariable(ctx context.Context, project string, v SealedVariable) error {
	if v.Secret && (v.Value != "" || len(v.Sealed) == 0) {
		return fmt.Errorf("secret %s of %s is not sealed", v.Key, project)
	}
	doc, err := encode(v.Variable)
	if err != nil {
		return err
	}
	return t.q.PutVariable(ctx, statement.PutVariableParams{Project: project, Key: v.Key, Scope: string(v.Scope),
		Document: doc, Sealed: v.Sealed})
}

// DeleteVariable is an error of code not_found where there is none.
func (t *Tx) DeleteVariable(ctx context.Context, project, key string, scope staging.Scope) error {
	n, err := t.q.DeleteVariable(ctx, statement.DeleteVariableParams{Project: project, Key: key, Scope: string(scope)})
	if err == nil && n == 0 {
		return staging.NotFound("offshoot project env ls", "project %s has no variable %s", project, key)
	}
	return err
}

// PutCredential keeps a sealed credential.
func (t *Tx) PutCredential(ctx context.Context, project, kind string, sealed []byte) error {
	return t.q.PutCredential(ctx, statement.PutCredentialParams{Project: project, Kind: kind, Sealed: sealed})
}

// DeleteCredential forgets a credential; one that is not there is no error.
func (t *Tx) DeleteCredential(ctx context.Context, project, kind string) error {
	return t.q.DeleteCredential(ctx, statement.DeleteCredentialParams{Project: project, Kind: kind})
}

// PutSetting keeps one of the server's own small values.
func (t *Tx) PutSetting(ctx context.Context, key, value string) error {
	return t.q.PutSetting(ctx, statement.PutSettingParams{Key: key, Value: value})
}
