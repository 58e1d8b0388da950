package variable_test

import (
	"strings"
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

var db = variable.Address{Name: "db", Aliases: []string{"shop-db"}, Kind: "postgres", Host: "127.0.0.1", Port: 20001, UsualPort: 5432, User: "app", Password: "own",
	Declared: "secret", Database: "shop", URL: "postgres://app:own@127.0.0.1:20001/shop?sslmode=disable", Usual: map[string]string{"PGHOST": "127.0.0.1"}}

var cache = variable.Address{Name: "redis", Kind: "redis", Host: "127.0.0.1", Port: 20002, UsualPort: 6379, Password: "own2", URL: "redis://default:own2@127.0.0.1:20002/0"}

var peers = map[string]map[int]string{"api": {4000: "127.0.0.1:20010"}, "front": {80: "127.0.0.1:20011", 9000: "127.0.0.1:20012"}}

func TestValuesAsWrittenReachTheOwnServers(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"DATABASE_URL", "postgres://app:secret@db:5432/shop", "postgres://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgresql+asyncpg://app:secret@db/shop", "postgresql+asyncpg://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgres://app:p%40ss%2Fw@db:5432/shop?sslmode=disable", "postgres://app:own@127.0.0.1:20001/shop?sslmode=disable"},
		{"DATABASE_URL", "postgres://other:x@DB.:5432/shop", "postgres://other:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgres://db/shop", "postgres://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgres://app:se?cr#et@db:5432/shop", "postgres://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgres://app:secret@shop-db:5432/shop", "postgres://app:own@127.0.0.1:20001/shop"},
		{"DATABASE_URL", "postgres:///shop?host=db&port=5432&user=app", "postgres:///shop?host=127.0.0.1&user=app&port=20001&password=own"},
		{"URLS", "postgres://app:secret@db:5432/a,redis://redis:6379", "postgres://app:own@127.0.0.1:20001/a,redis://default:own2@127.0.0.1:20002"},
		{"REDIS_URL", "redis://redis:6379/1", "redis://default:own2@127.0.0.1:20002/1"},
		{"REDIS_URL", "redis://default:x@redis/1", "redis://default:own2@127.0.0.1:20002/1"},
		{"SPRING_DATASOURCE_URL", "jdbc:postgresql://db:5432/shop", "jdbc:postgresql://127.0.0.1:20001/shop"},
		{"JDBC", "jdbc:postgresql://db:5432/shop?user=app&password=secret", "jdbc:postgresql://127.0.0.1:20001/shop?user=app&password=own"},
		{"DSN", "host=db port=5432 user=app password=secret dbname=shop", "host=127.0.0.1 port=20001 user=app password=own dbname=shop"},
		{"DSN", "host=db user=app dbname=shop", "host=127.0.0.1 port=20001 password=own user=app dbname=shop"},
		{"ConnectionStrings__Default", "Host=db;Port=5432;Username=app;Password=secret;Database=shop", "Host=127.0.0.1;Port=20001;Username=app;Password=own;Database=shop"},
		{"PDO", "pgsql:host=db;port=5432;dbname=shop", "pgsql:host=127.0.0.1;password=own;port=20001;dbname=shop"},
		{"OPTIONS", `--db='postgres://app:secret@db/x' --n=1`, `--db='postgres://app:own@127.0.0.1:20001/x' --n=1`},
		{"CONFIG", `{"db":"postgres://app:secret@db:5432/x","api":"http://api:4000/"}`, `{"db":"postgres://app:own@127.0.0.1:20001/x","api":"http://127.0.0.1:20010/"}`},
		{"DB_NODES", "db:5432", "127.0.0.1:20001"},
		{"NODES", "db:5432,api:4000,else:1", "127.0.0.1:20001,127.0.0.1:20010,else:1"},
		{"API", "http://api:4000/v1", "http://127.0.0.1:20010/v1"},
		{"API", "http://user:pw@api:4000/v1?x=http://front", "http://user:pw@127.0.0.1:20010/v1?x=http://127.0.0.1:20011"},
		{"API", "ws://API", "ws://127.0.0.1:20010"},
		{"FRONT", "http://front", "http://127.0.0.1:20011"},
		{"IMAGE", "redis:7", "redis:7"},
		{"TITLE", "the db of shop", "the db of shop"},
		{"NAME", "db", "db"},
		{"SITE", "https://example.com/db:5432", "https://example.com/db:5432"},
		{"SITE", "https://db.example.com:5432", "https://db.example.com:5432"},
		{"API", "http://api:4001", "http://api:4001"},
		{"EMPTY", "", ""}, {"ODD", "://", "://"}, {"ODD", "x://@:", "x://@:"}, {"MAIL", "a@db", "a@db"},
	} {
		res, err := variable.Resolve(variable.Input{Stack: map[string]string{c.key: c.value}, Datastores: []variable.Address{db, cache}, Peers: peers})
		if err != nil || res.Env[c.key] != c.want {
			t.Errorf("%s=%s: %q, %v; want %q", c.key, c.value, res.Env[c.key], err, c.want)
		}
		if (c.value != c.want) != (len(res.Notes) == 1) {
			t.Errorf("%s=%s: notes %v", c.key, c.value, res.Notes)
		}
		for _, n := range res.Notes {
			if strings.Contains(n.Message, "own") && strings.Contains(n.Message, "127.") {
				t.Errorf("a value is shown: %v", n)
			}
		}
	}
}

func TestPartsBesideAHost(t *testing.T) {
	for _, c := range []struct{ stack, want map[string]string }{
		{map[string]string{"DB_HOST": "db", "DB_PORT": "5432", "DB_PASSWORD": "secret", "OTHER_PORT": "5432", "PORT": "1", "OFFSHOOT": "2"},
			map[string]string{"DB_HOST": "127.0.0.1", "DB_PORT": "20001", "DB_PASSWORD": "own", "OTHER_PORT": "5432", "PORT": "", "OFFSHOOT": "1", "DB_URL": db.URL}},
		{map[string]string{"DATABASE_HOST": "shop-db"}, map[string]string{"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": "20001", "DATABASE_PASSWORD": "own"}},
		{map[string]string{"PGHOST": "db", "PGPASSWORD": "secret"}, map[string]string{"PGHOST": "127.0.0.1", "PGPORT": "20001", "PGPASSWORD": "own"}},
		{map[string]string{"REDIS_HOST": "redis", "REDIS_PORT": "6379"}, map[string]string{"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "20002", "REDIS_PASSWORD": "own2"}},
		{map[string]string{"API_HOST": "api", "API_PORT": "4000"}, map[string]string{"API_HOST": "127.0.0.1", "API_PORT": "20010", "API_PASSWORD": ""}},
		{map[string]string{"SPRING_DATASOURCE_PASSWORD": "secret", "ADMIN_PASSWORD": "secret", "POSTGRES_PASSWORD": "secret"},
			map[string]string{"SPRING_DATASOURCE_PASSWORD": "own", "ADMIN_PASSWORD": "secret", "POSTGRES_PASSWORD": "own"}},
	} {
		res, err := variable.Resolve(variable.Input{Datastores: []variable.Address{db, cache}, Peers: peers, Stack: c.stack, Ours: map[string]string{"OFFSHOOT": "1"}})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range c.want {
			if res.Env[key] != want {
				t.Errorf("%v: %s = %q, want %q", c.stack, key, res.Env[key], want)
			}
		}
	}
}

func TestLateValues(t *testing.T) {
	store := db
	store.Declared, store.Usual = staging.Late("PASSWORD"), map[string]string{"DATABASE_URL": store.URL}
	res, err := variable.Resolve(variable.Input{Datastores: []variable.Address{store}, Ours: map[string]string{"OFFSHOOT_URL": "http://x"},
		Project: []staging.Variable{{Key: "PASSWORD", Value: "hidden\ue000A\ue001", Secret: true}},
		Stack: map[string]string{"A": staging.Late("OFFSHOOT_URL") + "/a", "KEY": "k=" + staging.Late("PASSWORD"), "DB_PASS": staging.Late("PASSWORD"), "DATABASE_URL": staging.Late("DATABASE_URL"), "OTHER": "x" + staging.Late("REDIS_URL"),
			"URL": "postgres://app:" + staging.Late("PASSWORD") + "@db/x"},
		Files: map[string]string{"/run/secrets/db": staging.LatePassword("db"), "/config": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"A": "http://x/a", "KEY": "k=hidden\ue000A\ue001", "DB_PASS": "own", "DATABASE_URL": store.URL, "OTHER": "x", "URL": "postgres://app:own@127.0.0.1:20001/x"} {
		if res.Env[key] != want {
			t.Errorf("%s = %q, want %q", key, res.Env[key], want)
		}
	}
	if res.Files["/run/secrets/db"] != "own" || res.Files["/config"] != "a" {
		t.Errorf("files %v", res.Files)
	}
}

func TestCommandsReachTheOwnServices(t *testing.T) {
	res, err := variable.Resolve(variable.Input{Datastores: []variable.Address{db, cache}, Peers: peers})
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PORT": "20100"}
	for _, c := range []struct{ written, want string }{
		{"./wait-for db:5432 redis:6379 -- ./web -p " + staging.Late("PORT"), "./wait-for 127.0.0.1:20001 127.0.0.1:20002 -- ./web -p 20100"},
		{"--db=db:5432,api:4000", "--db=127.0.0.1:20001,127.0.0.1:20010"},
		{"until nc -z db:5432; do sleep 1; done", "until nc -z 127.0.0.1:20001; do sleep 1; done"},
		{"postgres://app:secret@db/x", "postgres://app:own@127.0.0.1:20001/x"},
		{"docker run redis:7", "docker run redis:7"}, {"a:1 b:22 12:30:15", "a:1 b:22 12:30:15"},
	} {
		if got := res.Command(staging.Command{Args: []string{c.written}}, env).Args[0]; got != c.want {
			t.Errorf("%s: %s, want %s", c.written, got, c.want)
		}
	}
	if got := res.Command(staging.Command{Shell: "x db:5432 " + staging.Late("PORT")}, env).Shell; got != "x 127.0.0.1:20001 ${PORT}" {
		t.Errorf("got %q", got)
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

func TestAFixedLinkIsAVariableLikeOthers(t *testing.T) {
	in := variable.Input{Ours: map[string]string{"BRANCH_NAME": "x"}, Datastores: []variable.Address{db}, Peers: peers,
		Stack: map[string]string{"B_URL": "https://own.example.com"},
		Links: map[string]string{"A_URL": "https://" + staging.Late("BRANCH_NAME") + ".example.com", "B_URL": "https://b.example.com", "C_URL": "http://api:4000/"}}
	res, err := variable.Resolve(in)
	if err != nil || res.Env["A_URL"] != "https://x.example.com" || res.Env["B_URL"] != "https://own.example.com" || res.Env["C_URL"] != "http://127.0.0.1:20010/" {
		t.Errorf("%v, %v", res.Env, err)
	}
	in.Links = map[string]string{"SOLR_URL": "https://solr.example.com/solr"}
	if _, err := variable.Resolve(in); err == nil || !strings.Contains(err.Error(), "SOLR_URL") {
		t.Errorf("a link leads to data elsewhere: %v", err)
	}
	in.Allow = []string{"solr.example.com"}
	if _, err := variable.Resolve(in); err != nil {
		t.Error(err)
	}
}
