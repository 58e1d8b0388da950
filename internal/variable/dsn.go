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
	for _, m := range pairs.FindAllStringSubmatchIndex(text, -1) {
		value := unquote(text[m[8]:m[9]])
		switch strings.ToLower(text[m[4]:m[5]]) {
		case "host", "hostaddr", "server", "data source":
			d.hosts = append(append(d.hosts, strings.Split(value, ",")...), further(text[m[9]:])...)
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

// further are the hosts of libpq's list "host=a,b,c" after its first. What
// follows a comma may also be a port, or the next word of another reader's
// string.
func further(text string) []string {
	var list []string
	for strings.HasPrefix(text, ",") {
		word := text[1 : 1+end(text[1:], " \t\r\n;,&")]
		if word == "" || number(word) || strings.Contains(word, "=") {
			break
		}
		list = append(list, word)
		text = text[1+len(word):]
	}
	return list
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return strings.ReplaceAll(strings.ReplaceAll(s[1:len(s)-1], `\'`, `'`), `\\`, `\`)
	}
	return s
}
