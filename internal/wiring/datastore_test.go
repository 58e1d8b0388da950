package wiring_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	client "github.com/redis/go-redis/v9"

	"offshoot/internal/componenttest"
	"offshoot/internal/datastore"
	"offshoot/internal/datastore/datastoretest"
	"offshoot/internal/datastore/postgres"
	"offshoot/internal/datastore/redis"
	"offshoot/internal/datastore/volume"
	"offshoot/internal/engine"
	"offshoot/internal/platform/docker"
	"offshoot/internal/platform/process"
	"offshoot/internal/platform/process/shim"
	"offshoot/internal/staging"
)

func TestMain(m *testing.M) {
	shim.Main()
	os.Exit(m.Run())
}

// TestDatastores asks every datastore with its real server, run as a process.
func TestDatastores(t *testing.T) {
	if os.Geteuid() != 0 {
		componenttest.Missing(t, "root", "its servers run as other users")
	}
	empty := t.TempDir() // initdb takes seconds: once for all
	engines := engine.NewRuntime(t.TempDir())
	t.Cleanup(engines.Close)
	for _, kind := range []string{"postgres", "redis"} {
		if _, err := engines.Find(t.Context(), kind, ""); err != nil {
			componenttest.Missing(t, kind, err.Error())
		}
	}
	for _, c := range []struct {
		driver datastore.Driver
		world  datastoretest.World
	}{
		{postgres.New(postgres.Config{Empty: empty, Engines: engines, Key: []byte("key")}), datastoretest.World{
			Store: staging.Datastore{Name: "db", Kind: "postgres", User: "app", Database: "shop", Port: 5432}, Missing: "7",
			Put: putRow, Get: getRow, Migrations: migrations()}},
		{redis.New(engines), datastoretest.World{Store: staging.Datastore{Name: "cache", Kind: "redis", Port: 6379}, Put: setKey, Get: getKey}},
		{volume.New(), datastoretest.World{Store: staging.Datastore{Name: "uploads", Kind: "volume"}, Open: true, Put: writeText, Get: readText}},
	} {
		t.Run(c.driver.Kind(), func(t *testing.T) {
			datastoretest.Run(t, func(t *testing.T) datastoretest.World {
				w, dir := c.world, t.TempDir()
				if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // services have users of their own
					t.Fatal(err)
				}
				p, err := process.New(process.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				w.Driver, w.Platform, w.Dir = c.driver, p, filepath.Join(dir, "clones")
				return w
			})
		})
	}
}

// TestDatastoresInImages asks every datastore with its server in a container.
func TestDatastoresInImages(t *testing.T) {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		componenttest.Missing(t, "docker", "DOCKER_HOST is not set")
	}
	if os.Geteuid() != 0 {
		componenttest.Missing(t, "root", "its servers run as other users")
	}
	open := func(t *testing.T, dir string) *docker.Driver {
		d, err := docker.New(docker.Config{Dir: dir, Host: host, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	empty, programs := t.TempDir(), open(t, t.TempDir())
	images := engine.NewImages(programs.Program, programs.ImageID)
	for _, c := range []struct {
		driver datastore.Driver
		world  datastoretest.World
	}{
		{postgres.New(postgres.Config{Empty: empty, Engines: images, Key: []byte("key"), Program: programs.Program, User: docker.DataUser}), datastoretest.World{
			Store: staging.Datastore{Name: "db", Kind: "postgres", Image: "postgres:15", Password: "declared", User: "app", Database: "shop", Port: 5432},
			Put:   putRow, Get: getRow, Migrations: migrations()}},
		{redis.New(images), datastoretest.World{Store: staging.Datastore{Name: "cache", Kind: "redis", Image: "redis:7", Password: "declared", Port: 6379}, Put: setKey, Get: getKey}},
		{volume.New(), datastoretest.World{Store: staging.Datastore{Name: "uploads", Kind: "volume"}, Open: true, Put: writeText, Get: readText}},
	} {
		t.Run(c.driver.Kind(), func(t *testing.T) {
			datastoretest.Run(t, func(t *testing.T) datastoretest.World {
				w, dir := c.world, t.TempDir()
				w.Driver, w.Platform, w.Dir = c.driver, open(t, dir), filepath.Join(dir, "clones")
				return w
			})
		})
	}
}

func ask(ctx context.Context, s datastore.Serving, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return do(conn)
}

func putRow(ctx context.Context, _ datastore.Clone, s datastore.Serving, text string) error {
	return ask(ctx, s, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "CREATE TABLE IF NOT EXISTS note (text text)")
		if err == nil {
			_, err = c.Exec(ctx, "DELETE FROM note")
		}
		if err == nil {
			// What a branch's server acknowledged may be lost with a power cut, not with a pause.
			_, err = c.Exec(ctx, "INSERT INTO note VALUES ($1)", text)
		}
		return err
	})
}

func getRow(ctx context.Context, _ datastore.Clone, s datastore.Serving) (text string, err error) {
	err = ask(ctx, s, func(c *pgx.Conn) error {
		var there bool
		if err := c.QueryRow(ctx, "SELECT to_regclass('note') IS NOT NULL").Scan(&there); err != nil || !there {
			return err
		}
		return c.QueryRow(ctx, "SELECT text FROM note").Scan(&text)
	})
	return text, err
}

// migrations are the ways in which a team's own change a schema.
func migrations() []func(context.Context, datastore.Serving) error {
	var list []func(context.Context, datastore.Serving) error
	for _, statement := range []string{
		"ALTER TABLE note ADD COLUMN author text", "ALTER TABLE note ALTER COLUMN author SET DEFAULT 'nobody'", "ALTER TABLE note ALTER COLUMN author TYPE varchar(9)",
		"CREATE INDEX ON note (author)", "ALTER TABLE note ADD CONSTRAINT known CHECK (author <> '')", "CREATE TABLE bare ()", "CREATE SEQUENCE number",
		"CREATE TYPE mood AS ENUM ('fine')", "ALTER TYPE mood ADD VALUE 'splendid'", "CREATE VIEW loud AS SELECT upper(text) FROM note",
		"CREATE OR REPLACE VIEW loud AS SELECT upper(text || '!') AS upper FROM note",
		"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER touched BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION touch()",
	} {
		list = append(list, func(ctx context.Context, s datastore.Serving) error {
			return ask(ctx, s, func(c *pgx.Conn) error {
				_, err := c.Exec(ctx, statement)
				return err
			})
		})
	}
	return list
}

func connect(s datastore.Serving) (*client.Client, error) {
	o, err := client.ParseURL(s.URL)
	if err != nil {
		return nil, err
	}
	return client.NewClient(o), nil
}

func setKey(ctx context.Context, _ datastore.Clone, s datastore.Serving, text string) error {
	c, err := connect(s)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return c.Set(ctx, "note", text, 0).Err()
}

func getKey(ctx context.Context, _ datastore.Clone, s datastore.Serving) (string, error) {
	c, err := connect(s)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	text, err := c.Get(ctx, "note").Result()
	if err == client.Nil { //nolint:errorlint // answered bare
		return "", nil
	}
	return text, err
}

func writeText(_ context.Context, c datastore.Clone, _ datastore.Serving, text string) error {
	return os.WriteFile(filepath.Join(c.Dir, "note"), []byte(text), 0o644)
}

func readText(_ context.Context, c datastore.Clone, _ datastore.Serving) (string, error) {
	text, err := os.ReadFile(filepath.Join(c.Dir, "note"))
	if os.IsNotExist(err) {
		return "", nil
	}
	return string(text), err
}
