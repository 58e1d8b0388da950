package variable

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"offshoot/internal/staging"
)

// reemit gives every value that names a service of the stack its address
// here, and notes which.
func (in *Input) reemit(values map[string]string) (map[string]string, []staging.Note) {
	out := maps.Clone(values)
	if in.AsWritten {
		if in.Mail == nil {
			return out, nil
		}
		in = in.mailAlone()
	}
	hosts := map[string]string{} // what stands before HOST in a key, to the service named
	for key, value := range values {
		if prefix, ok := cutHost(key); ok && in.knows(value) {
			hosts[prefix] = value
			out[key] = in.host(value)
		}
	}
	for key, value := range values {
		if out[key] != value {
			continue
		}
		out[key] = in.value(value)
		if out[key] == value {
			out[key] = in.beside(key, value, hosts)
		}
	}
	for prefix, name := range hosts {
		in.complete(prefix, name, values, out)
	}
	var notes []staging.Note
	for _, key := range slices.Sorted(maps.Keys(out)) {
		message := key + " names a service of the stack and was given its address here"
		if was, ok := values[key]; ok && was == out[key] {
			continue
		} else if !ok {
			message = key + " was added: it belongs to an address that differs here"
		}
		notes = append(notes, staging.Note{Kind: staging.NoteRewrite, File: in.File, Line: in.Line, Key: key, Message: message})
	}
	return out, notes
}

// hostEnds are how names of variables end that hold a host.
var hostEnds = []string{"HOSTNAME", "HOSTADDR", "HOST", "SERVER", "ADDRESS", "ADDR"}

func cutHost(key string) (string, bool) {
	for _, end := range hostEnds {
		if prefix, ok := strings.CutSuffix(strings.ToUpper(key), end); ok {
			return prefix, true
		}
	}
	return "", false
}

func (in *Input) knows(name string) bool {
	_, data := in.datastore(name)
	return data || in.peer(name) != nil || in.Mail.named(name)
}

func (in *Input) datastore(name string) (Address, bool) {
	name = plain(name)
	for _, d := range in.Datastores {
		if strings.EqualFold(d.Name, name) || slices.ContainsFunc(d.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			return d, name != ""
		}
	}
	return Address{}, false
}

func (in *Input) peer(name string) map[int]string {
	name = plain(name)
	for peer, ports := range in.Peers {
		if name != "" && strings.EqualFold(peer, name) {
			return ports
		}
	}
	return nil
}

func (in *Input) host(name string) string {
	if d, ok := in.datastore(name); ok {
		return d.Host
	}
	if in.Mail.named(name) && !in.AsWritten {
		return in.Mail.Host
	}
	for _, to := range in.peer(name) {
		host, _, _ := net.SplitHostPort(to)
		return host
	}
	return name
}

func (d Address) hostPort() string { return net.JoinHostPort(d.Host, strconv.Itoa(d.Port)) }

// value re-emits the addresses and connection strings that a text holds.
func (in *Input) value(text string) string {
	var b strings.Builder
	last := 0
	for _, a := range addresses(text) {
		b.WriteString(text[last:a.start])
		b.WriteString(in.url(a, text[a.start:a.end]))
		last = a.end
	}
	if last > 0 {
		b.WriteString(text[last:])
		return b.String()
	}
	if out := in.connection(text); out != text {
		return out
	}
	words := strings.Split(text, ",")
	for i, w := range words {
		words[i] = in.word(w)
	}
	return strings.Join(words, ",")
}

// spoken is HOST:PORT at the beginning of a word of a command, or after a
// flag's equals sign.
var spoken = regexp.MustCompile(`(?:^|[\s=,;'"(])([A-Za-z0-9_][A-Za-z0-9_.-]*:\d{1,5})`)

// script re-emits the addresses in a command: ./wait-for db:5432 -- ./web.
func (in *Input) script(text string) string {
	if in.AsWritten {
		in = in.mailAlone()
	}
	text = in.value(text)
	var b strings.Builder
	last := 0
	for _, m := range spoken.FindAllStringSubmatchIndex(text, -1) {
		if rest := text[m[3]:]; rest == "" || strings.IndexByte(" \t\n,;'\")/", rest[0]) >= 0 {
			b.WriteString(text[last:m[2]] + in.word(text[m[2]:m[3]]))
			last = m[3]
		}
	}
	return b.String() + text[last:]
}

// word re-emits HOST:PORT. A port other than the service's own means
// something else: redis:7 is an image.
func (in *Input) word(w string) string {
	host, port, ok := strings.Cut(w, ":")
	if !ok || !number(port) {
		return w
	}
	if d, ok := in.datastore(host); ok && port == strconv.Itoa(d.UsualPort) {
		return d.hostPort()
	}
	if to := in.reach(host, port); to != "" {
		return to
	}
	return w
}

// connection re-emits a connection string whose host is a datastore.
func (in *Input) connection(text string) string {
	read := readDSN(text)
	var d Address
	known := false
	for _, h := range read.hosts {
		if x, ok := in.datastore(h); ok {
			d, known = x, true
		}
	}
	if !known {
		return text
	}
	separator := " "
	if strings.Contains(text, ";") || !strings.ContainsAny(text, " \t") && strings.Contains(text, ":") {
		separator = ";"
	}
	var b strings.Builder
	last := 0
	for _, m := range pairs.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[last:m[8]])
		last = m[9]
		switch strings.ToLower(text[m[4]:m[5]]) {
		case "host", "hostaddr", "server", "data source":
			b.WriteString(d.Host)
			for _, h := range further(text[last:]) {
				b.WriteString("," + h)
				last += len("," + h)
			}
			if !read.hasPort {
				b.WriteString(separator + "port=" + strconv.Itoa(d.Port))
			}
			if !read.hasSecret {
				b.WriteString(separator + "password=" + d.Password)
			}
		case "port":
			b.WriteString(strconv.Itoa(d.Port))
		case "password", "pwd":
			b.WriteString(d.Password)
		default:
			b.WriteString(text[m[8]:m[9]])
		}
	}
	return b.String() + text[last:]
}
