package variable_test

import (
	"strings"
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

var db = variable.Address{Name: "db", Kind: "postgres", Host: "127.0.0.1", Port: 20001, UsualPort: 5432, User: "app", Password: "own",
	Declared: "secret", Database: "shop", URL: "postgres://app:own@127.0.0.1:20001/shop?sslmode=disable", Usual: map[string]string{"PGHOST": "127.0.0.1"}}

var cache = variable.Address{Name: "redis", Kind: "redis", Host: "127.0.0.1", Port: 20002, UsualPort: 6379, Password: "own2", URL: "redis://:own2@127.0.0.1:20002/0"}

func TestValuesAsWrittenReachTheOwnServers(t *testing.T) {
	peers := map[string]map[int]string{"api": {4000: "127.0.0.1:20010"}}
	for _, c := range []struct{ key, value, want string }{
		{"DATABASE_URL", "postgres://app:secret@db:5432/shop", "postgres://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgresql+asyncpg://app:secret@db/shop", "postgresql+asyncpg://app:own@127.0.0.1:20001/shop"},
		{"REDIS_URL", "redis://redis:6379/1", "redis://:own2@127.0.0.1:20002/1"},
		{"JDBC", "jdbc:postgresql://db:5432/shop", "jdbc:postgresql://127.0.0.1:20001/shop"},
		{"DB_ADDR", "db:5432", "127.0.0.1:20001"},
		{"API", "http://api:4000/v1", "http://127.0.0.1:20010/v1"},
		{"TITLE", "the db of shop", "the db of shop"},
		{"NAME", "db", "db"},
		{"SITE", "https://example.com/db:5432", "https://example.com/db:5432"},
	} {
		res, err := variable.Resolve(variable.Input{Stack: map[string]string{c.key: c.value}, Datastores: []variable.Address{db, cache}, Peers: peers})
		if err != nil || res.Env[c.key] != c.want {
			t.Errorf("%s=%s: %q, %v; want %q", c.key, c.value, res.Env[c.key], err, c.want)
		}
		if (c.value != c.want) != (len(res.Notes) == 1) {
			t.Errorf("%s: notes %v", c.key, res.Notes)
		}
	}
}

func TestPartsBesideAHost(t *testing.T) {
	res, err := variable.Resolve(variable.Input{Datastores: []variable.Address{db},
		Stack: map[string]string{"DB_HOST": "db", "DB_PORT": "5432", "DB_PASSWORD": "secret", "OTHER_PORT": "5432", "PORT": "1", "OFFSHOOT": "2"},
		Ours:  map[string]string{"OFFSHOOT": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"DB_HOST": "127.0.0.1", "DB_PORT": "20001", "DB_PASSWORD": "own", "OTHER_PORT": "5432", "PORT": "",
		"OFFSHOOT": "1", "DB_URL": db.URL, "PGHOST": "127.0.0.1"} {
		if res.Env[key] != want {
			t.Errorf("%s = %q, want %q", key, res.Env[key], want)
		}
	}
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		key, value string
		refused    bool
	}{
		{"DATABASE_URL", "postgres://u:hunter2@prod.example.com/x", true},
		{"ANALYTICS_DATABASE_URL", "mysql://prod/x", true},
		{"PGHOST", "10.0.0.1", true},
		{"ANYTHING", "redis://prod:6379", true},
		{"DATABASE_URL", "postgres://allowed.example.com:5432/x", false},
		{"DATABASE_URL", "sqlite:///app/x.db", false},
		{"WEBHOOK", "https://prod.example.com", false},
		{"PGHOST", "db", false},
		{"DATABASE_URL", "postgres://app:secret@db:5432/shop", false},
		{"DATABASE_URL", "postgres://app:secret@127.0.0.1:5432/shop", true},
	} {
		_, err := variable.Resolve(variable.Input{Own: map[string]string{c.key: c.value}, Datastores: []variable.Address{db}, Allow: []string{"allowed.example.com"}})
		if (err != nil) != c.refused {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || staging.CodeOf(err) != "policy") {
			t.Errorf("%s: %v, %s", c.key, err, staging.CodeOf(err))
		}
	}
}

func TestOrder(t *testing.T) {
	res, err := variable.Resolve(variable.Input{Ours: map[string]string{"SENTRY_ENVIRONMENT": "ours", "A": "ours"},
		Stack:   map[string]string{"A": "stack", "B": "stack", "C": "stack"},
		Project: []staging.Variable{{Key: "B", Value: "project"}, {Key: "C", Value: "project"}, {Key: "K", Value: "content", File: "/run/key"}},
		Own:     map[string]string{"C": "own"}})
	if err != nil || res.Env["SENTRY_ENVIRONMENT"] != "ours" || res.Env["A"] != "stack" || res.Env["B"] != "project" || res.Env["C"] != "own" ||
		res.Files["/run/key"] != "content" {
		t.Errorf("%v %v", res, err)
	}
}
