// Package variable works out what a service, task or hook gets as its
// environment: ours under the stack's under the project's under the
// environment's own, with every value that names one of the stack's own
// services re-emitted as it can be reached here, and none that reaches for
// data elsewhere.
//
// It is pure and never puts a value into an error.
package variable

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// Address is where one datastore of the environment can be reached.
type Address struct {
	Name, Kind string
	Host       string
	Port       int
	// UsualPort is the one that values are written with (5432).
	UsualPort int
	User      string
	Password  string
	// Declared is the password as the stack has it, "" for none.
	Declared string
	Database string
	URL      string
	// Usual are the variables of the usual names.
	Usual map[string]string
}

// Input is everything that an environment is made of.
type Input struct {
	Ours  map[string]string
	Stack map[string]string
	// Project are the project's variables that hold for this environment.
	Project []staging.Variable
	Own     map[string]string
	// Datastores are in the stack's order.
	Datastores []Address
	// Peers are the stack's services: name to its port to HOST:PORT here.
	Peers map[string]map[int]string
	// Allow are HOST or HOST:PORT that data variables may name.
	Allow []string
	// File and Line are where the stack says it, for notes.
	File string
	Line int
}

// Result is what the workload gets.
type Result struct {
	Env   map[string]string
	Files map[string]string
	Notes []staging.Note
}

// Resolve applies order, re-emission and guard.
func Resolve(in Input) (Result, error) {
	res := Result{Env: map[string]string{}, Files: map[string]string{}}
	seen := map[string]bool{}
	for _, d := range in.Datastores {
		res.Env[Upper(d.Name)+"_URL"] = d.URL
		if !seen[d.Kind] {
			maps.Copy(res.Env, d.Usual)
		}
		seen[d.Kind] = true
	}
	maps.Copy(res.Env, in.Ours)
	foreign := maps.Clone(in.Stack)
	if foreign == nil {
		foreign = map[string]string{}
	}
	for _, v := range in.Project {
		if v.File != "" {
			res.Files[v.File] = v.Value
			continue
		}
		foreign[v.Key] = v.Value
	}
	maps.Copy(foreign, in.Own)
	for key := range foreign {
		if strings.HasPrefix(key, "OFFSHOOT") || key == "PORT" {
			delete(foreign, key)
		}
	}
	emitted := in.reemit(foreign)
	for _, key := range slices.Sorted(maps.Keys(emitted)) {
		if emitted[key] != foreign[key] {
			res.Notes = append(res.Notes, staging.Note{Kind: staging.NoteRewrite, File: in.File, Line: in.Line, Key: key,
				Message: key + " names a service of the stack and was given its address here"})
		}
	}
	if err := in.guard(emitted); err != nil {
		return res, err
	}
	maps.Copy(res.Env, emitted)
	return res, nil
}

// Upper is a service's name in a variable's: DB_2 for db-2.
func Upper(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, name)
}

var address = regexp.MustCompile(`(jdbc:)?([A-Za-z][A-Za-z0-9+.-]*://)([^/@\s,]*@)?([A-Za-z0-9_.-]+)(:\d+)?`)

func (in Input) reemit(values map[string]string) map[string]string {
	out := maps.Clone(values)
	hosts := map[string]string{} // prefix of a HOST key to the service that it names
	for key, value := range values {
		if prefix, ok := cutHost(key); ok && in.knows(value) {
			hosts[prefix] = value
			out[key] = in.host(value)
		}
	}
	for key, value := range values {
		switch {
		case out[key] != value:
		case strings.Contains(value, "://"):
			out[key] = address.ReplaceAllStringFunc(value, in.url)
		default:
			out[key] = in.plain(key, value, hosts)
		}
	}
	return out
}

func cutHost(key string) (string, bool) {
	for _, end := range []string{"HOSTNAME", "HOST", "SERVER", "ADDRESS", "ADDR"} {
		if prefix, ok := strings.CutSuffix(strings.ToUpper(key), end); ok {
			return prefix, true
		}
	}
	return "", false
}

func (in Input) knows(name string) bool {
	_, peer := in.Peers[name]
	_, data := in.datastore(name)
	return peer || data
}

func (in Input) datastore(name string) (Address, bool) {
	for _, d := range in.Datastores {
		if d.Name == name {
			return d, true
		}
	}
	return Address{}, false
}

func (in Input) host(name string) string {
	if d, ok := in.datastore(name); ok {
		return d.Host
	}
	for _, hostport := range in.Peers[name] {
		host, _, _ := net.SplitHostPort(hostport)
		return host
	}
	return name
}

// url re-emits one scheme://user:password@host:port of a value.
func (in Input) url(text string) string {
	m := address.FindStringSubmatch(text)
	jdbc, scheme, user, host, port := m[1], m[2], m[3], m[4], strings.TrimPrefix(m[5], ":")
	if d, ok := in.datastore(host); ok {
		if jdbc == "" {
			name := d.User
			if written, _, _ := strings.Cut(strings.TrimSuffix(user, "@"), ":"); written != "" {
				name, _ = url.PathUnescape(written)
			}
			if d.Kind == "redis" {
				name = ""
			}
			user = url.UserPassword(name, d.Password).String() + "@"
		}
		return jdbc + scheme + user + net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	}
	if ports, ok := in.Peers[host]; ok {
		if to := pick(ports, port); to != "" {
			return jdbc + scheme + user + to
		}
	}
	return text
}

// pick is the address of a port; without one, 80's, or the only one.
func pick(ports map[int]string, port string) string {
	if n, err := strconv.Atoi(port); err == nil {
		return ports[n]
	}
	if to, ok := ports[80]; ok || len(ports) != 1 {
		return to
	}
	for _, to := range ports {
		return to
	}
	return ""
}

// plain re-emits values that are no URLs: HOST:PORT, and PORT and PASSWORD
// beside a HOST.
func (in Input) plain(key, value string, hosts map[string]string) string {
	if host, port, err := net.SplitHostPort(value); err == nil {
		if d, ok := in.datastore(host); ok {
			return net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
		}
		if ports, ok := in.Peers[host]; ok && pick(ports, port) != "" {
			return pick(ports, port)
		}
	}
	upper := strings.ToUpper(key)
	for prefix, name := range hosts {
		if !strings.HasPrefix(upper, prefix) {
			continue
		}
		d, data := in.datastore(name)
		switch rest := upper[len(prefix):]; {
		case rest == "PORT" && data && value == strconv.Itoa(d.UsualPort):
			return strconv.Itoa(d.Port)
		case rest == "PORT" && !data:
			if to := pick(in.Peers[name], value); to != "" {
				_, port, _ := net.SplitHostPort(to)
				return port
			}
		case (rest == "PASSWORD" || rest == "PASS" || rest == "PWD") && data && d.Declared != "" && value == d.Declared:
			return d.Password
		}
	}
	return value
}

// dataSchemes are those of data servers: a value of such a scheme is judged
// whatever its variable is called.
var dataSchemes = []string{"postgres", "postgresql", "redis", "rediss", "valkey", "mysql", "mysql2", "mariadb", "mongodb", "solr"}

func dataKey(key string) bool {
	k := strings.ToUpper(key)
	return k == "DATABASE_URL" || strings.HasSuffix(k, "_DATABASE_URL") || k == "PGHOST" || k == "PGHOSTADDR" || k == "REDIS_URL" || k == "SOLR_URL"
}

// guard refuses a variable for a datastore that names a host which is not the
// environment's own.
func (in Input) guard(values map[string]string) error {
	own := func(host, port string) bool {
		for _, d := range in.Datastores {
			if host == d.Host && (port == strconv.Itoa(d.Port) || port == "") {
				return true
			}
		}
		return false
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := judge(key, values[key], own, in.Allow); err != nil {
			return err
		}
	}
	return nil
}

// Check judges values that a request carries, before it is accepted: names are
// those of the stack's datastores.
func Check(values map[string]string, names, allow []string) error {
	own := func(host, _ string) bool { return slices.Contains(names, host) }
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := judge(key, values[key], own, allow); err != nil {
			return err
		}
	}
	return nil
}

func judge(key, value string, own func(host, port string) bool, allow []string) error {
	for _, at := range hostsOf(key, value) {
		if own(at.host, at.port) || slices.Contains(allow, at.host) || slices.Contains(allow, net.JoinHostPort(at.host, at.port)) {
			continue
		}
		return staging.Errorf(staging.ClassCode(staging.ClassPolicy),
			"name the stack's own datastore, or allow the host: offshoot project set --allow-host "+at.host,
			"%s points at data on %q, which is not this environment's own", key, at.host)
	}
	return nil
}

type hostPort struct{ host, port string }

// hostsOf are the hosts that a value names, where it is for a datastore. Only
// values that name a host are judged.
func hostsOf(key, value string) []hostPort {
	if strings.HasPrefix(strings.ToUpper(key), "PGHOST") {
		if value == "" || strings.HasPrefix(value, "/") {
			return nil
		}
		return []hostPort{{host: value}}
	}
	var found []hostPort
	for _, m := range address.FindAllStringSubmatch(value, -1) {
		scheme, _, _ := strings.Cut(strings.TrimSuffix(m[2], "://"), "+")
		if dataKey(key) || slices.Contains(dataSchemes, strings.ToLower(scheme)) {
			found = append(found, hostPort{m[4], strings.TrimPrefix(m[5], ":")})
		}
	}
	return found
}

// Ours are the variables that Offshoot itself gives.
func Ours(env staging.Environment, rev staging.Revision, primaryURL string, urls map[string]string) map[string]string {
	stream := "feature-staging"
	if env.Kind == staging.KindShared {
		stream = "shared-staging"
	}
	host := strings.TrimPrefix(primaryURL, "http://")
	if u, err := url.Parse(primaryURL); err == nil {
		host = u.Hostname()
	}
	vars := map[string]string{
		"OFFSHOOT": "1", "OFFSHOOT_ENVIRONMENT": env.ID, "OFFSHOOT_SLUG": env.Slug, "OFFSHOOT_KIND": string(env.Kind),
		"OFFSHOOT_PROJECT": env.Project, "OFFSHOOT_URL": primaryURL, "OFFSHOOT_HOST": host, "OFFSHOOT_STREAM": stream,
		"BRANCH_NAME": env.Branch, "GIT_COMMIT": rev.ID, "SENTRY_ENVIRONMENT": stream, "SENTRY_RELEASE": rev.ID,
		"OTEL_RESOURCE_ATTRIBUTES": fmt.Sprintf("deployment.environment.name=%s,offshoot.environment=%s,offshoot.project=%s,vcs.ref.head.revision=%s",
			stream, env.ID, env.Project, rev.ID),
	}
	for service, u := range urls {
		if u != primaryURL {
			vars["OFFSHOOT_URL_"+Upper(service)] = u
		}
	}
	return vars
}
