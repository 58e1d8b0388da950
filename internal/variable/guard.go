package variable

import (
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// usualPorts are those of data servers, by scheme: a value of such a scheme is
// judged whatever its variable is called.
var usualPorts = map[string]int{
	"postgres": 5432, "postgresql": 5432, "pgsql": 5432, "pg": 5432, "postgis": 5432, "psql": 5432, "timescaledb": 5432, "cockroachdb": 26257,
	"redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379, "redis-sentinel": 26379, "redis-cluster": 6379,
	"mysql": 3306, "mysql2": 3306, "mysqlx": 33060, "mariadb": 3306, "mongodb": 27017, "mssql": 1433, "sqlserver": 1433,
	"oracle": 1521, "solr": 8983,
}

// noServer are schemes of databases that are files or memory.
var noServer = []string{"sqlite", "sqlite3", "file", "unix", "mem", "memory", "duckdb", "h2", "hsqldb", "null", "dummy", "locmem"}

// dataHost are names of variables that hold the host of a data server.
var dataHost = regexp.MustCompile(`(?:^|_)(?:DB|DATABASE|POSTGRES|POSTGRESQL|PG|PSQL|REDIS|VALKEY|SOLR|MYSQL|MARIADB|MONGO|MONGODB)_?(?:HOST|HOSTNAME|HOSTADDR|SERVER|ADDR|ADDRESS)$`)

// dataKey is whether a variable is for a datastore whatever its scheme.
func dataKey(key string) bool {
	return key == "DATABASE_URL" || strings.HasSuffix(key, "_DATABASE_URL") || key == "REDIS_URL" || key == "SOLR_URL"
}

// named is one host that a value reaches data on; port is the scheme's usual
// one where none is written, "" where that is unknown.
type named struct {
	host, port string
	// unclear is whether the value can be read in several ways, so that what
	// stands in the host's place may be part of a secret.
	unclear bool
}

// guard refuses a variable for a datastore that names a host which is not the
// environment's own.
func (in *Input) guard(written, emitted map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(emitted)) {
		value := emitted[key]
		if _, host := cutHost(key); host && value != written[key] {
			continue // given its address here, just now
		}
		own := func(n named) bool {
			return slices.ContainsFunc(in.Datastores, func(d Address) bool {
				return plain(d.Host) == n.host && n.port == strconv.Itoa(d.Port) || in.AsWritten && slices.Contains(d.Aliases, n.host)
			}) || in.ownPeer(n) || in.AsWritten && slices.ContainsFunc(in.Names, func(name string) bool { return strings.EqualFold(name, n.host) })
		}
		if err := judge(key, value, own, in.Allow); err != nil {
			return err
		}
	}
	return nil
}

// ownPeer is whether a host and port are those of a service of the stack that
// is a data server of a kind Offshoot does not know.
func (in *Input) ownPeer(n named) bool {
	for _, ports := range in.Peers {
		for _, to := range ports {
			host, port, err := net.SplitHostPort(to)
			if err == nil && plain(host) == n.host && port == n.port {
				return true
			}
		}
	}
	return false
}

// Check judges values that a request carries, before it is accepted: names are
// those of the stack's datastores; nil where the stack is not known yet, and
// then a name without a dot may be one of them: the deployment judges again.
func Check(values map[string]string, names, allow []string) error {
	own := func(n named) bool {
		if names == nil {
			return service(n.host)
		}
		return slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, n.host) })
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := judge(key, values[key], own, allow); err != nil {
			return err
		}
	}
	return nil
}

// Judge judges one value of a stack that nothing is made of yet: names are
// its own hosts. A host that is put in only later passes; Resolve judges it.
func Judge(key, value string, names, allow []string) error {
	return judge(key, value, func(n named) bool {
		return staging.HasLate(n.host) || slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, n.host) })
	}, allow)
}

var wholeNumber = regexp.MustCompile(`^(?:0x[0-9a-f]+|[0-9]+)$`)

// service is whether a host can be a service's name: one label that is no
// address in any spelling.
func service(host string) bool {
	return host != "localhost" && !strings.ContainsAny(host, ".:%") && !wholeNumber.MatchString(host)
}

func judge(key, value string, own func(n named) bool, allow []string) error {
	for _, n := range hostsOf(strings.ToUpper(key), value) {
		if own(n) || allowed(n, allow) {
			continue
		}
		host, hint := strconv.Quote(n.host), "name the stack's own datastore, or allow the host: offshoot project set --allow-host "+n.host
		if n.unclear {
			host, hint = "a host that cannot be told from its password", "write the address so that it can be read in one way: encode what is special in the password"
		}
		return staging.Errorf(staging.ClassCode(staging.ClassPolicy), hint, "%s points at data on %s, which is not this environment's own", key, host)
	}
	return nil
}

// allowed is whether an administrator's list has a host: HOST or HOST:PORT, and
// *.DOMAIN for all below a domain.
func allowed(n named, allow []string) bool {
	return slices.ContainsFunc(allow, func(entry string) bool {
		if plain(entry) == n.host {
			return true
		}
		h := hostPort(entry)
		host := plain(h.host)
		below, wild := strings.CutPrefix(host, "*")
		return (host == n.host || wild && strings.HasSuffix(n.host, below) && n.host != below) && (h.port == "" || h.port == n.port)
	})
}

// hostsOf are the hosts on which a value reaches data. Only values that name a
// host are judged. key is in upper case.
func hostsOf(key, value string) []named {
	found := scan(key, value)
	if strings.ContainsAny(value, "\t\r\n") {
		// Some readers of URLs drop these wherever they stand (WHATWG URL).
		found = append(found, scan(key, strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(value))...)
	}
	return found
}

func scan(key, value string) []named {
	var found []named
	add := func(host, port string, usual int, unclear bool) {
		host = plain(host)
		if host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
			return // a socket, or none
		}
		if port == "" && usual > 0 {
			port = strconv.Itoa(usual)
		}
		found = append(found, named{host, port, unclear})
	}
	list := addresses(value)
	for _, a := range list {
		usual, data := usualPorts[a.kind()]
		if !data && !dataKey(key) || slices.Contains(noServer, a.kind()) {
			continue
		}
		unclear := a.other != nil || strings.Contains(a.whole, "@")
		for _, h := range a.hosts {
			add(h.host, h.port, usual, unclear)
		}
		if a.other != nil {
			add(a.other.host, a.other.port, usual, true)
		}
		query := a.query()
		for _, k := range []string{"host", "hostaddr"} {
			for _, h := range strings.Split(query[k], ",") {
				add(h, query["port"], usual, false)
			}
		}
	}
	for _, m := range goDSN.FindAllStringSubmatch(value, -1) {
		h := hostPort(m[1])
		add(h.host, h.port, 3306, false)
	}
	if d := readDSN(value); len(d.hosts) > 0 && (d.data || dataKey(key) || strings.HasPrefix(key, "PG")) {
		for _, text := range d.hosts {
			h := at{host: text}
			if _, err := netip.ParseAddr(text); err != nil {
				h = hostPort(strings.TrimPrefix(text, "tcp:"))
			}
			port := d.port
			if h.port != "" {
				port = h.port
			}
			add(h.host, port, 5432, false)
		}
		return found
	}
	if len(list) > 0 {
		return found
	}
	switch {
	case dataHost.MatchString(key), strings.HasPrefix(key, "PGHOST"):
		for _, text := range strings.Split(value, ",") {
			h := at{host: text}
			if _, err := netip.ParseAddr(text); err != nil {
				h = hostPort(text)
			}
			add(h.host, h.port, 0, false)
		}
	case dataKey(key):
		// HOST:PORT or //HOST without a scheme; a bare word may be a file, but
		// where only servers are, one with a dot is a host.
		rest, relative := strings.CutPrefix(value, "//")
		text := rest[strings.LastIndexByte(rest, '@')+1:]
		h := hostPort(text[:end(text, "/?#,")])
		server := (key == "REDIS_URL" || key == "SOLR_URL") && strings.Contains(strings.TrimLeft(h.host, "."), ".")
		if relative || number(h.port) || text != rest || server {
			add(h.host, h.port, 0, strings.Contains(text, "@"))
		}
	}
	return found
}
