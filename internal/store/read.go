package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"offshoot/internal/staging"
	"offshoot/internal/store/statement"
)

// Readers are the questions that a Store and a Tx answer. What does not exist
// is an error of code not_found.
type Readers struct{ q *statement.Queries }

// Read answers several questions as of one instant: what was committed after
// the first of them is not seen. do must be quick and must not call the Store.
func (s *Store) Read(ctx context.Context, do func(Readers) error) error {
	tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return do(Readers{s.q.WithTx(tx)})
}

func decode[T any](document string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		return v, fmt.Errorf("read a stored %T: %w", v, err)
	}
	return v, nil
}

// lists are the commands that show what there is of a kind.
var lists = map[string]string{"environment": "offshoot ls --all", "project": "offshoot project ls", "snapshot": "offshoot snapshot ls", "deployment": "offshoot show ENV", "token": "offshoot token ls"}

func one[T any](document string, err error, what, name string) (T, error) {
	var none T
	if errors.Is(err, sql.ErrNoRows) {
		return none, staging.NotFound(lists[what], "there is no %s %q", what, name)
	}
	if err != nil {
		return none, fmt.Errorf("read %s %s: %w", what, name, err)
	}
	return decode[T](document)
}

func many[T any](documents []string, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	items := make([]T, len(documents))
	for i, d := range documents {
		if items[i], err = decode[T](d); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// Project finds a project by name.
func (r Readers) Project(ctx context.Context, name string) (staging.Project, error) {
	doc, err := r.q.Project(ctx, name)
	return one[staging.Project](doc, err, "project", name)
}

// Projects are all, by name.
func (r Readers) Projects(ctx context.Context) ([]staging.Project, error) {
	docs, err := r.q.Projects(ctx)
	return many[staging.Project](docs, err)
}

// Environment finds an environment by id, destroyed ones too.
func (r Readers) Environment(ctx context.Context, id string) (staging.Environment, error) {
	doc, err := r.q.Environment(ctx, id)
	return one[staging.Environment](doc, err, "environment", id)
}

// EnvironmentBySlug is the newest of that slug that is not destroyed: the
// successor where one waits for an older one to be gone.
func (r Readers) EnvironmentBySlug(ctx context.Context, project, slug string) (staging.Environment, error) {
	doc, err := r.q.EnvironmentBySlug(ctx, statement.EnvironmentBySlugParams{Project: project, Slug: slug})
	return one[staging.Environment](doc, err, "environment", slug)
}

// EnvironmentByBranch is like EnvironmentBySlug, by the short branch name.
func (r Readers) EnvironmentByBranch(ctx context.Context, project, branch string) (staging.Environment, error) {
	doc, err := r.q.EnvironmentByBranch(ctx, statement.EnvironmentByBranchParams{Project: project, Branch: branch})
	return one[staging.Environment](doc, err, "environment of branch", branch)
}

// EnvironmentFilter selects environments; zero values select all but the
// destroyed.
type EnvironmentFilter struct {
	Project   string
	Destroyed bool
	// After is the id that the page before ended with.
	After string
	// Limit is environmentsPage where zero.
	Limit int
}

// environmentsPage is how many environments are read at once.
const environmentsPage = 500

// Environments are a page of environments, by id.
func (r Readers) Environments(ctx context.Context, f EnvironmentFilter) ([]staging.Environment, error) {
	p := statement.EnvironmentsParams{Project: f.Project, After: f.After, Count: int64(f.Limit)}
	if f.Destroyed {
		p.Destroyed = 1
	}
	if p.Count <= 0 {
		p.Count = environmentsPage
	}
	docs, err := r.q.Environments(ctx, p)
	return many[staging.Environment](docs, err)
}

// EveryEnvironment goes through all that f selects after f.After, by id, a page
// at a time; it ends with the first error. They may be changed meanwhile.
func (r Readers) EveryEnvironment(ctx context.Context, f EnvironmentFilter) iter.Seq2[staging.Environment, error] {
	f.Limit = environmentsPage
	return func(yield func(staging.Environment, error) bool) {
		for {
			page, err := r.Environments(ctx, f)
			if err != nil {
				yield(staging.Environment{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < f.Limit {
				return
			}
			f.After = page[len(page)-1].ID
		}
	}
}

// Deployment finds a deployment by id.
func (r Readers) Deployment(ctx context.Context, id string) (staging.Deployment, error) {
	doc, err := r.q.Deployment(ctx, id)
	return one[staging.Deployment](doc, err, "deployment", id)
}

// Deployments are the latest of an environment, newest first; all where limit is
// negative.
func (r Readers) Deployments(ctx context.Context, environment string, limit int) ([]staging.Deployment, error) {
	docs, err := r.q.Deployments(ctx, statement.DeploymentsParams{Environment: environment, Limit: int64(limit)})
	return many[staging.Deployment](docs, err)
}

// Underway are the deployments of an environment that run and its newest one,
// newest first.
func (r Readers) Underway(ctx context.Context, environment string) ([]staging.Deployment, error) {
	docs, err := r.q.Underway(ctx, environment)
	return many[staging.Deployment](docs, err)
}

// Resources are the ledger's rows of one owner, by name.
func (r Readers) Resources(ctx context.Context, owner string) ([]staging.Resource, error) {
	docs, err := r.q.Resources(ctx, owner)
	return many[staging.Resource](docs, err)
}

// ResourcesByKind are the ledger's rows of one kind, by name.
func (r Readers) ResourcesByKind(ctx context.Context, kind staging.ResourceKind) ([]staging.Resource, error) {
	docs, err := r.q.ResourcesByKind(ctx, string(kind))
	return many[staging.Resource](docs, err)
}

// Snapshot finds a snapshot by id.
func (r Readers) Snapshot(ctx context.Context, id string) (staging.Snapshot, error) {
	doc, err := r.q.Snapshot(ctx, id)
	return one[staging.Snapshot](doc, err, "snapshot", id)
}

// Snapshots are those of a project, newest first.
func (r Readers) Snapshots(ctx context.Context, project string) ([]staging.Snapshot, error) {
	docs, err := r.q.Snapshots(ctx, project)
	return many[staging.Snapshot](docs, err)
}

// SealedVariable is a project variable as it is kept: a secret has no Value
// but is in Sealed.
type SealedVariable struct {
	staging.Variable
	Sealed []byte
}

// Variables are those of a project, by key and scope.
func (r Readers) Variables(ctx context.Context, project string) ([]SealedVariable, error) {
	rows, err := r.q.Variables(ctx, project)
	if err != nil {
		return nil, err
	}
	items := make([]SealedVariable, len(rows))
	for i, row := range rows {
		v, err := decode[staging.Variable](row.Document)
		if err != nil {
			return nil, err
		}
		items[i] = SealedVariable{v, row.Sealed}
	}
	return items, nil
}

// Credential is a project's sealed key to the world outside.
func (r Readers) Credential(ctx context.Context, project, kind string) ([]byte, error) {
	sealed, err := r.q.Credential(ctx, statement.CredentialParams{Project: project, Kind: kind})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, staging.NotFound("offshoot project credential set "+kind, "project %s has no %s credential", project, kind)
	}
	return sealed, err
}

// Setting is one of the server's own small values; found tells "" from none.
func (r Readers) Setting(ctx context.Context, key string) (value string, found bool, err error) {
	value, err = r.q.Setting(ctx, key)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, err
}
