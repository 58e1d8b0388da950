-- name: Project :one
SELECT document FROM project WHERE name = ?;
-- name: Projects :many
SELECT document FROM project ORDER BY name;
-- name: PutProject :exec
INSERT INTO project (name, document) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document;
-- name: DeleteProject :exec
DELETE FROM project WHERE name = ?;

-- name: Environment :one
SELECT document FROM environment WHERE id = ?;
-- name: EnvironmentBySlug :one
SELECT document FROM environment WHERE project = ? AND slug = ? AND phase <> 'destroyed' ORDER BY deleting, created_at DESC, id LIMIT 1;
-- name: EnvironmentByBranch :one
SELECT document FROM environment WHERE project = ? AND branch = ? AND phase <> 'destroyed' ORDER BY deleting, created_at DESC, id LIMIT 1;
-- name: Environments :many
SELECT document FROM environment
WHERE (CAST(sqlc.arg(project) AS TEXT) = '' OR project = sqlc.arg(project))
  AND (CAST(sqlc.arg(destroyed) AS INTEGER) = 1 OR phase <> 'destroyed')
  AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(count);
-- name: PutEnvironment :exec
INSERT INTO environment (id, project, branch, slug, phase, generation, created_at, deleting, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, generation = excluded.generation, deleting = excluded.deleting, document = excluded.document;
-- name: DeleteEnvironment :exec
DELETE FROM environment WHERE id = ?;

-- name: Deployment :one
SELECT document FROM deployment WHERE id = ?;
-- name: Deployments :many
SELECT document FROM deployment WHERE environment = ? ORDER BY generation DESC, started_at DESC, id LIMIT ?;
-- name: Underway :many
SELECT document FROM deployment AS d WHERE d.environment = sqlc.arg(environment)
  AND (d.outcome = 'running' OR d.id = (
    SELECT n.id FROM deployment AS n WHERE n.environment = sqlc.arg(environment) ORDER BY n.generation DESC, n.started_at DESC, n.id LIMIT 1))
ORDER BY d.generation DESC, d.started_at DESC, d.id;
-- name: PutDeployment :exec
INSERT INTO deployment (id, environment, generation, outcome, started_at, document) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, document = excluded.document;
-- name: DeleteDeployment :exec
DELETE FROM deployment WHERE id = ?;

-- name: Resources :many
SELECT document FROM resource WHERE owner = ? ORDER BY name;
-- name: ResourcesByKind :many
SELECT document FROM resource WHERE kind = ? ORDER BY name;
-- name: PutResource :exec
INSERT INTO resource (name, kind, owner, state, document) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, owner = excluded.owner, state = excluded.state, document = excluded.document;
-- name: DeleteResource :exec
DELETE FROM resource WHERE name = ?;

-- name: Snapshot :one
SELECT document FROM snapshot WHERE id = ?;
-- name: Snapshots :many
SELECT document FROM snapshot WHERE project = ? ORDER BY taken_at DESC, id;
-- name: PutSnapshot :exec
INSERT INTO snapshot (id, project, taken_at, document) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET taken_at = excluded.taken_at, document = excluded.document;
-- name: DeleteSnapshot :exec
DELETE FROM snapshot WHERE id = ?;

-- name: Events :many
SELECT seq, document FROM event
WHERE seq > sqlc.arg(after) AND (CAST(sqlc.arg(project) AS TEXT) = '' OR project = sqlc.arg(project))
  AND (CAST(sqlc.arg(environment) AS TEXT) = '' OR environment = sqlc.arg(environment))
ORDER BY seq LIMIT sqlc.arg(count);
-- name: AppendEvent :one
INSERT INTO event (project, environment, document) VALUES (?, ?, ?) RETURNING seq;
-- name: PruneEvents :exec
DELETE FROM event WHERE seq < ?;

-- name: Variables :many
SELECT document, sealed FROM variable WHERE project = ? ORDER BY key, scope;
-- name: PutVariable :exec
INSERT INTO variable (project, key, scope, document, sealed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (project, key, scope) DO UPDATE SET document = excluded.document, sealed = excluded.sealed;
-- name: DeleteVariable :execrows
DELETE FROM variable WHERE project = ? AND key = ? AND scope = ?;

-- name: Credential :one
SELECT sealed FROM credential WHERE project = ? AND kind = ?;
-- name: PutCredential :exec
INSERT INTO credential (project, kind, sealed) VALUES (?, ?, ?) ON CONFLICT (project, kind) DO UPDATE SET sealed = excluded.sealed;

-- name: Setting :one
SELECT value FROM setting WHERE key = ?;
-- name: PutSetting :exec
INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: TokenByHash :one
SELECT document FROM token WHERE hash = ?;
-- name: Token :one
SELECT document FROM token WHERE id = ?;
-- name: Tokens :many
SELECT document FROM token ORDER BY id;
-- name: PutToken :exec
INSERT INTO token (id, hash, document) VALUES (?, ?, ?);
-- name: DeleteToken :exec
DELETE FROM token WHERE id = ?;
-- name: DeleteCredential :exec
DELETE FROM credential WHERE project = ? AND kind = ?;

-- name: LastEvent :one
SELECT CAST(COALESCE(MAX(seq), 0) AS INTEGER) FROM event;
