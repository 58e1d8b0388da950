package variable

import (
	"regexp"
	"strings"
)

// pairs are the KEY=VALUE words of a connection string: libpq's "host=db
// port=5432", Npgsql's "Host=db;Port=5432", PDO's "pgsql:host=db;dbname=x".
var pairs = regexp.MustCompile(`(?i)(^|[\s;:,])(hostaddr|host|server|data source|port|password|pwd|dbname|database|initial catalog)(\s*=\s*)('(?:[^'\\]|\\.)*'|"[^"]*"|[^\s;,&]+)`)

// goDSN is the host of a Go MySQL driver's string: user:pw@tcp(host:3306)/db.
var goDSN = regexp.MustCompile(`@(?:tcp|udp)6?\(([^)]*)\)`)

// dsn is a connection string's words by their meaning.
type dsn struct {
	hosts              []string
	port, password     string
	hasPort, hasSecret bool
	data               bool
}

func readDSN(text string) dsn {
	var d dsn
	for _, m := range pairs.FindAllStringSubmatch(text, -1) {
		value := unquote(m[4])
		switch strings.ToLower(m[2]) {
		case "host", "hostaddr", "server", "data source":
			d.hosts = append(d.hosts, strings.Split(value, ",")...)
		case "port":
			d.port, d.hasPort = value, true
		case "password", "pwd":
			d.password, d.hasSecret = value, true
		default:
			d.data = true
		}
	}
	return d
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return strings.ReplaceAll(strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`), `\\`, `\`)
	}
	return s
}
