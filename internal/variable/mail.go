package variable

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// mailPorts are those on which catchers of mail and real servers listen for
// it. What a stack's catcher shows on others, its page, is not here.
var mailPorts = []string{"", "25", "465", "587", "1025", "2500", "2525"}

// variables are those of the usual names.
func (m *Mail) variables() map[string]string {
	if m == nil {
		return nil
	}
	return map[string]string{"SMTP_HOST": m.Host, "SMTP_PORT": strconv.Itoa(m.Port), "SMTP_URL": "smtp://" + m.address()}
}

func (m *Mail) address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

// named is whether the stack calls what catches its mail so.
func (m *Mail) named(host string) bool {
	host = plain(host)
	return m != nil && host != "" && slices.ContainsFunc(m.Names, func(n string) bool { return strings.EqualFold(n, host) })
}

// mailAlone is what is re-emitted where names answer as they are written: the
// name of what would catch mail does too, but at the port of its image alone,
// and that may be another.
func (in *Input) mailAlone() *Input {
	alone := *in
	alone.Datastores, alone.Peers = nil, nil
	return &alone
}

// reach is the address here of a service of the stack at a port, "" where it
// has none such.
func (in *Input) reach(host, port string) string {
	if in.Mail.named(host) {
		if slices.Contains(mailPorts, port) && !(in.AsWritten && port == strconv.Itoa(in.Mail.Port)) {
			return in.Mail.address()
		}
		return ""
	}
	return pick(in.peer(host), port)
}
