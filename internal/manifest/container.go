package manifest

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// container is what Compose says of a service that containers alone can do.
// Values that would give it power were refused by the table of keys.
func (r *reader) container(s types.ServiceConfig) staging.Container {
	c := staging.Container{Entrypoint: s.Entrypoint, User: s.User, Groups: s.GroupAdd, Hostname: s.Hostname, Domainname: s.DomainName, Init: s.Init != nil && *s.Init,
		ReadOnly: s.ReadOnly, TTY: s.Tty, Stdin: s.StdinOpen, SharedMemory: int64(s.ShmSize), CapDrop: s.CapDrop, Sysctls: s.Sysctls,
		ExtraHosts: r.hosts(s.ExtraHosts, "services", s.Name, "extra_hosts"), DNS: s.DNS, DNSSearch: s.DNSSearch, DNSOptions: s.DNSOpts,
		Labels: r.labels(s), NoNewPrivileges: r.noNewPrivileges(s), NoIPC: s.Ipc == "none", OwnCgroups: s.Cgroup == "private"}
	for _, name := range s.CapAdd {
		switch plain := capability(name); {
		case slices.Contains(harmless, plain):
			c.CapAdd = append(c.CapAdd, plain)
		case slices.Contains(idle, plain):
			r.ignore([]string{"services", s.Name, "cap_add"}, "capability "+plain+" is ignored: it is not given, and programs do without")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Ulimits)) {
		if slices.Contains([]string{"rtprio", "rttime", "nice"}, name) {
			r.ignore([]string{"services", s.Name, "ulimits", name}, name+" is ignored: the host's scheduling")
			continue
		}
		if c.Ulimits == nil {
			c.Ulimits = map[string]staging.Ulimit{}
		}
		u := s.Ulimits[name]
		limit := staging.Ulimit{Soft: int64(u.Soft), Hard: int64(u.Hard)}
		if u.Single != 0 {
			limit = staging.Ulimit{Soft: int64(u.Single), Hard: int64(u.Single)}
		}
		c.Ulimits[name] = limit
	}
	return c
}

// noNewPrivileges is whether a service asks for less; what else confines it is not
// its to say.
func (r *reader) noNewPrivileges(s types.ServiceConfig) bool {
	asked := false
	for _, option := range s.SecurityOpt {
		name, value, _ := strings.Cut(strings.Replace(option, "=", ":", 1), ":")
		if name != "no-new-privileges" {
			file, line, _ := r.item([]string{"services", s.Name, "security_opt"}, option)
			r.note(staging.NoteIgnored, file, line, "services."+s.Name+".security_opt", "security_opt "+option+" is ignored: what confines containers is the server's", "")
			continue
		}
		asked = asked || value != "false"
	}
	return asked
}

// hosts are extra names; the host's own address is none that leads anywhere.
func (r *reader) hosts(list types.HostsList, at ...string) map[string][]string {
	var kept map[string][]string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		addresses := slices.DeleteFunc(slices.Clone(list[name]), func(a string) bool { return a == "host-gateway" })
		if len(addresses) < len(list[name]) {
			r.ignore(at, name+" is ignored: no way leads to the host")
		}
		if len(addresses) == 0 {
			continue
		}
		if kept == nil {
			kept = map[string][]string{}
		}
		kept[name] = addresses
	}
	return kept
}

// foreignLabels begin the labels by which other programs on a host are told
// what to do with a container, and ours.
var foreignLabels = []string{"traefik.", "caddy", "coolify.", "dokploy.", "com.github.nginx-proxy", "com.github.jrcs", "swag", "ofelia.", "chadburn.",
	"com.centurylinklabs.watchtower", "autoheal", "docker-volume-backup", "sablier.", "tsdproxy.", "com.docker.", "offshoot."}

// labels are the team's own.
func (r *reader) labels(s types.ServiceConfig) map[string]string {
	var kept map[string]string
	var foreign []string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if slices.ContainsFunc(foreignLabels, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			foreign = append(foreign, name)
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[name] = s.Labels[name]
	}
	if len(foreign) > 0 {
		r.ignore([]string{"services", s.Name, "labels"}, "labels "+shortened(foreign)+" are ignored: routes come from ports, and nothing else on the host manages the container")
	}
	return kept
}

func shortened(list []string) string {
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + " and others"
	}
	return strings.Join(list, ", ")
}
