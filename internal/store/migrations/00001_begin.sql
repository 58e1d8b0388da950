-- +goose Up
CREATE TABLE project (
  name TEXT NOT NULL PRIMARY KEY,
  document TEXT NOT NULL
) STRICT;

CREATE TABLE environment (
  id TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL REFERENCES project (name),
  branch TEXT NOT NULL,
  slug TEXT NOT NULL,
  phase TEXT NOT NULL,
  generation INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  deleting INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX environment_slug ON environment (project, slug) WHERE phase NOT IN ('destroying', 'destroyed') AND deleting = 0;
CREATE INDEX environment_branch ON environment (project, branch);
CREATE INDEX environment_phase ON environment (phase);

CREATE TABLE deployment (
  id TEXT NOT NULL PRIMARY KEY,
  environment TEXT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
  generation INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX deployment_environment ON deployment (environment, generation, started_at);

CREATE TABLE resource (
  name TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  state TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX resource_owner ON resource (owner);
CREATE INDEX resource_kind ON resource (kind);

CREATE TABLE snapshot (
  id TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL REFERENCES project (name),
  taken_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX snapshot_project ON snapshot (project, taken_at);

CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX event_environment ON event (environment, seq);
CREATE INDEX event_project ON event (project, seq);

CREATE TABLE variable (
  project TEXT NOT NULL REFERENCES project (name) ON DELETE CASCADE,
  key TEXT NOT NULL,
  scope TEXT NOT NULL,
  document TEXT NOT NULL,
  sealed BLOB,
  PRIMARY KEY (project, key, scope)
) STRICT;

CREATE TABLE credential (
  project TEXT NOT NULL REFERENCES project (name) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (project, kind)
) STRICT;

CREATE TABLE setting (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- A destroyed id never comes back, and an old writer never undoes a newer one.
-- +goose StatementBegin
CREATE TRIGGER environment_is_sticky BEFORE UPDATE ON environment
WHEN (OLD.deleting = 1 AND NEW.deleting = 0) OR NEW.generation < OLD.generation
BEGIN
  SELECT RAISE(ABORT, 'environment: a deletion or a newer generation cannot be undone');
END;
-- +goose StatementEnd
