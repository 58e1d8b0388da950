package variable_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

func resolved(own map[string]string, allow ...string) error {
	_, err := variable.Resolve(variable.Input{Own: own, Datastores: []variable.Address{db, cache}, Peers: peers, Allow: allow})
	return err
}

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		key, value string
		refused    bool
	}{
		{"DATABASE_URL", "postgres://u:hunter2@prod.example.com/x", true},
		{"ANALYTICS_DATABASE_URL", "mysql://prod/x", true},
		{"PGHOST", "10.0.0.1", true}, {"PGHOST", "::1", true}, {"PGHOSTADDR", "10.0.0.1", true}, {"PG_HOST", "prod.example.com", true},
		{"PGHOST", "db,prod.example.com", true},
		{"DB_HOST", "prod.example.com", true}, {"POSTGRES_HOST", "localhost", true}, {"REDIS_HOST", "127.0.0.1", true}, {"MY_DB_HOST", "x.y", true},
		{"ANYTHING", "redis://prod:6379", true}, {"ANYTHING", "REDISS://prod", true}, {"ANYTHING", "x postgres://prod", true},
		{"ANYTHING", `{"url": "postgresql+psycopg2://prod/x"}`, true},
		{"ANYTHING", "postgres://[::1]:5432/x", true}, {"ANYTHING", "postgres://[2001:db8::1]/x", true},
		{"ANYTHING", "postgres://db,prod.example.com/x", true}, {"ANYTHING", "postgres:///x?host=prod.example.com", true},
		{"ANYTHING", "postgres://db/x?hostaddr=10.0.0.1", true}, {"ANYTHING", "postgres:///x?host=%70rod.example.com", true},
		{"ANYTHING", "postgres://db:5432?options=@prod.example.com/x", true}, {"ANYTHING", "postgres://a@db#@prod.example.com/x", true},
		{"ANYTHING", "post\ngres://prod/x", true}, {"ANYTHING", "postgres://p\trod.example.com/x", true},
		{"ANYTHING", "jdbc:postgresql://prod:5432/x", true}, {"ANYTHING", "JDBC:POSTGRESQL://prod/x", true},
		{"ANYTHING", "host=prod.example.com dbname=x", true}, {"ANYTHING", "Server=tcp:prod.example.com,1433;Database=x", true},
		{"ANYTHING", "user:pw@tcp(prod.example.com:3306)/x", true}, {"PGDATABASE", "host=prod.example.com", true},
		{"DATABASE_URL", "prod.example.com:5432/x", true}, {"DATABASE_URL", "//u@prod.example.com/x", true}, {"database_url", "mysql://prod/x", true},
		{"DATABASE_URL", "//prod.example.com/x", true}, {"REDIS_URL", "//prod.example.com:6379", true}, {"REDIS_URL", "//:hunter2@prod:6379/0", true},
		{"DATABASE_URL", "postgres://app:secret@127.0.0.1:5432/shop", true}, {"DATABASE_URL", "postgres://127.0.0.1/x", true},
		{"DATABASE_URL", "postgres://db:5432@prod.example.com/x", true}, {"SOLR_URL", "http://solr.example.com/solr", true},
		{"DATABASE_URL", "postgres://2130706433:5432/x", true},
		{"DATABASE_URL", "host=db,prod.example.com user=x", true}, {"ANYTHING", "dbname=x host=db,prod.example.com,cache port=1", true},
		{"DATABASE_URL", "hostaddr=127.0.0.1,10.0.0.1 port=20001", true}, {"PGDATABASE", "host=db,::1", true},
		{"REDIS_URL", "prod.example.com", true}, {"SOLR_URL", "solr.example.com/solr", true}, {"REDIS_URL", "10.0.0.1", true},

		{"DATABASE_URL", "postgres://allowed.example.com:5432/x", false}, {"DATABASE_URL", "postgres://ALLOWED.example.com./x", false},
		{"DATABASE_URL", "postgres://port.example.com:6000/x", false}, {"DATABASE_URL", "postgres://port.example.com:6001/x", true},
		{"PGHOST", "allowed.example.com", false}, {"DATABASE_URL", "postgres://[2001:DB8::7]:5432/x", false}, {"DATABASE_URL", "postgres://[2001:db8::8]/x", true},
		{"DATABASE_URL", "host=db,port=20001,dbname=x", false},
		{"REDIS_URL", "none", false}, {"REDIS_URL", "tmp/redis.sock", false}, {"REDIS_URL", "./redis.sock", false}, {"REDIS_URL", "/run/redis.sock", false},
		{"DATABASE_URL", "postgres://a.b.wild.example.com/x", false}, {"DATABASE_URL", "postgres://wild.example.com/x", true},
		{"DATABASE_URL", "postgres://awild.example.com/x", true}, {"DATABASE_URL", "postgres://*.wild.example.com.evil.com/x", true},
		{"DATABASE_URL", "sqlite:///app/x.db", false}, {"DATABASE_URL", "sqlite3://db.sqlite3", false}, {"DATABASE_URL", "db.sqlite3", false},
		{"DATABASE_URL", "file:./dev.db", false}, {"DATABASE_URL", "", false}, {"REDIS_URL", "unix:///tmp/redis.sock", false},
		{"WEBHOOK", "https://prod.example.com", false}, {"PGPORT", "5432", false}, {"PGUSER", "prod.example.com", false},
		{"PGADMIN_DEFAULT_EMAIL", "a@example.com", false}, {"PGADMIN_URL", "https://pgadmin.example.com", false},
		{"SMTP_HOST", "mail.example.com", false}, {"HOST", "0.0.0.0", false}, {"HOSTNAME", "prod.example.com", false},
		{"ALLOWED_HOSTS", "example.com,localhost", false}, {"MESSAGE", "the host is prod and the database too", false},
		{"PGHOST", "db", false}, {"PGHOST", "/var/run/postgresql", false}, {"PGHOST", "//var/run", false}, {"ASSETS", "//cdn.example.com/x", false}, {"DATABASE_URL", "///app/x.db", false}, {"PGHOST", "", false},
		{"DATABASE_URL", "postgres://app:secret@db:5432/shop", false}, {"DATABASE_URL", "postgres:///shop", false},
		{"DATABASE_URL", "postgres://%2Fvar%2Frun/x", false}, {"DATABASE_URL", "postgres://app:own@127.0.0.1:20001/shop", false},
		{"NGINX", "server=frontend port=80", false}, {"DOCS", "see https://example.com/?host=prod.example.com", false},
	} {
		err := resolved(map[string]string{c.key: c.value}, "allowed.example.com", "port.example.com:6000", "*.wild.example.com", "2001:db8::7")
		if (err != nil) != c.refused {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || staging.CodeOf(err) != "policy" || !strings.HasPrefix(err.Error(), c.key)) {
			t.Errorf("%s: %v, %s", c.key, err, staging.CodeOf(err))
		}
	}
}

// TestARefusalNeverShowsAPassword tries what can be read in two ways.
func TestARefusalNeverShowsAPassword(t *testing.T) {
	for _, value := range []string{"postgres://u:p@hunter2/x@prod/y", "postgres://u:p?hunter2@prod/x", "postgres://hunter2#@prod/x", "hunter2@a@prod:1"} {
		err := resolved(map[string]string{"DATABASE_URL": value})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// TestNoSpellingOfAForeignHostPasses spells addresses in every way that some
// reader of addresses takes.
func TestNoSpellingOfAForeignHostPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z][a-z0-9-]{0,8}\.(example\.com|internal|prod)`).Draw(t, "host")
		if rapid.Bool().Draw(t, "address") {
			host = rapid.SampledFrom([]string{"10.1.2.3", "127.0.0.1", "[::1]", "[fe80::1%25eth0]", "0x7f000001", "localhost"}).Draw(t, "ip")
		}
		spelled := host
		switch rapid.IntRange(0, 4).Draw(t, "spelling") {
		case 0:
			spelled = strings.ToUpper(host)
		case 1:
			if !strings.HasPrefix(host, "[") {
				spelled = host + "."
			}
		case 2:
			if !strings.HasPrefix(host, "[") {
				spelled = fmt.Sprintf("%%%02x", host[0]) + host[1:]
			}
		}
		scheme := rapid.SampledFrom([]string{"postgres", "postgresql", "redis", "rediss", "mysql", "mongodb", "mongodb+srv", "postgresql+asyncpg"}).Draw(t, "scheme")
		if rapid.Bool().Draw(t, "shout") {
			scheme = strings.ToUpper(scheme)
		}
		user := rapid.SampledFrom([]string{"", "app@", "app:secret@", "db:5432@", ":x@", url.UserPassword("a", "p@/#?w").String() + "@", "a:b@db@"}).Draw(t, "user")
		port := rapid.SampledFrom([]string{"", ":5432", ":6379", ":1"}).Draw(t, "port")
		before := rapid.SampledFrom([]string{"", "jdbc:", "--url=", `{"a":"`, "postgres://db/x ", "x,"}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", "/db", "/db?sslmode=require", "?host=db", "#db", " postgres://db", ",db:5432"}).Draw(t, "after")
		key := rapid.SampledFrom([]string{"DATABASE_URL", "X_DATABASE_URL", "REDIS_URL", "ANYTHING", "PGX"}).Draw(t, "key")
		value := before + scheme + "://" + user + spelled + port + after
		if err := resolved(map[string]string{key: value}); err == nil {
			t.Fatalf("%s=%s passes", key, value)
		}
		if err := variable.Check(map[string]string{key: value}, []string{"db", "redis"}, nil); err == nil {
			t.Fatalf("a request with %s=%s passes", key, value)
		}
	})
}

// TestHarmlessValuesPass draws values that name no data elsewhere.
func TestHarmlessValuesPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`(APP|RAILS|NODE|AWS|S3|SMTP|LOG|FEATURE)_[A-Z_]{1,12}`).Draw(t, "key")
		value := rapid.OneOf(
			rapid.StringMatching(`[ -~]{0,40}`),
			rapid.StringMatching(`https?://[a-z]{1,9}\.example\.com(:[0-9]{2,4})?/[a-z0-9/?=&@:]{0,20}`),
			rapid.StringMatching(`[a-z]{1,9}@[a-z]{1,9}\.com`),
			rapid.StringMatching(`\{"[a-z]{1,5}": ?"[a-z0-9:/.@]{0,20}"\}`),
		).Filter(func(s string) bool {
			low := strings.ToLower(s)
			for _, word := range []string{"sql", "redis", "valkey", "mongo", "maria", "solr", "oracle", "psql", "pg", "host", "server", "source", "tcp(", "udp(", "postgis", "timescale", "cockroach"} {
				if strings.Contains(low, word) {
					return false
				}
			}
			return true
		}).Draw(t, "value")
		if err := resolved(map[string]string{key: value}); err != nil {
			t.Fatalf("%s=%s: %v", key, value, err)
		}
	})
}

func TestRequestsAreJudgedBeforeTheyAreAccepted(t *testing.T) {
	for _, c := range []struct {
		value   string
		names   []string
		refused bool
	}{
		{"postgres://app:x@db:5432/shop", []string{"db"}, false},
		{"postgres://app:x@db:5432/shop", nil, false},
		{"postgres://app:x@other:5432/shop", []string{"db"}, true},
		{"postgres://app:x@db.example.com/shop", nil, true},
		{"postgres://app:x@localhost/shop", nil, true},
		{"postgres://app:x@2130706433/shop", nil, true},
		{"postgres://app:x@0x7f.1/shop", nil, true},
		{"postgres://app:x@[::1]/shop", nil, true},
		{"postgres:///shop", nil, false},
	} {
		if err := variable.Check(map[string]string{"DATABASE_URL": c.value}, c.names, nil); (err != nil) != c.refused {
			t.Errorf("%s with %v: %v", c.value, c.names, err)
		}
	}
}

func FuzzVariable(f *testing.F) {
	for _, s := range []string{"postgres://app:secret@db:5432/x", "host=db port=1", "a://[", "a://@,:", "://", "jdbc:x://db", "x@tcp(a:1)/b", "host='a\\'b' dbname=c", "db:5432,api:4000"} {
		f.Add("DATABASE_URL", s)
		f.Add("DB_HOST", s)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		in := variable.Input{Stack: map[string]string{key: value}, Datastores: []variable.Address{db, cache}, Peers: peers}
		first, err := variable.Resolve(in)
		if err != nil {
			if staging.CodeOf(err) != "policy" {
				t.Errorf("%v", err)
			}
			return
		}
		// What has its address is its address: a second time changes nothing.
		in.Stack = map[string]string{key: first.Env[key]}
		second, err := variable.Resolve(in)
		if hosts := strings.ToUpper(key); strings.HasSuffix(hosts, "HOST") || strings.HasSuffix(hosts, "HOSTADDR") || strings.HasSuffix(hosts, "SERVER") ||
			strings.HasSuffix(hosts, "ADDRESS") || strings.HasSuffix(hosts, "ADDR") || strings.HasSuffix(hosts, "HOSTNAME") {
			return // a bare address is somebody's own only where we put it
		}
		if err != nil || second.Env[key] != first.Env[key] {
			t.Errorf("%q: %q, then %q, %v", value, first.Env[key], second.Env[key], err)
		}
	})
}

// TestWhereNamesResolveTheStacksAreItsOwn lets a variable name a data server of
// the stack without a port, and one that declares none.
func TestWhereNamesResolveTheStacksAreItsOwn(t *testing.T) {
	in := variable.Input{AsWritten: true, Names: []string{"postgres", "maria"}, Datastores: []variable.Address{{Name: "postgres", Kind: "postgres", Host: "postgres", Port: 5432}}}
	for host, own := range map[string]bool{"postgres": true, "maria": true, "Maria": true, "production": false, "maria.example.com": false} {
		in.Stack = map[string]string{"DB_HOST": host, "MYSQL_HOST": host}
		_, err := variable.Resolve(in)
		if (err == nil) != own {
			t.Errorf("%s: %v", host, err)
		}
	}
	in.AsWritten, in.Stack = false, map[string]string{"MYSQL_HOST": "maria"}
	if _, err := variable.Resolve(in); err == nil {
		t.Error("a name that leads anywhere is taken for the stack's own")
	}
}
