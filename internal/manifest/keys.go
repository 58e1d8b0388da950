package manifest

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"offshoot/internal/staging"
)

// treatment is what becomes of a Compose key.
type treatment string

const (
	honoured treatment = "honoured"
	ignored  treatment = "ignored"
	refused  treatment = "refused"
)

// rule is one row of the table of Compose keys.
type rule struct {
	key string
	do  treatment
	why string
}

// topKeys and serviceKeys are every key that Compose has, and what becomes of
// it on the process platform; docs/compose.md shows the same table.
var topKeys = []rule{
	{"name", ignored, "environments are named after branches"},
	{"version", ignored, "Compose itself ignores it"},
	{"services", honoured, ""},
	{"volumes", honoured, "volumes of the environment"},
	{"include", honoured, "files of the repository"},
	{"networks", ignored, "the network is the host's"},
	{"configs", refused, "not on the process platform yet"},
	{"secrets", refused, "use `offshoot project secret set KEY --file PATH`"},
	{"models", refused, "no model runner"},
}

var serviceKeys = []rule{
	{"annotations", ignored, "for engines only"}, {"attach", ignored, "all output is kept"},
	{"build", honoured, "its context says where the code is"}, {"blkio_config", ignored, "no such limit"},
	{"cap_add", refused, "a branch never gains power"}, {"cap_drop", ignored, "services have none"},
	{"cgroup", refused, "host namespaces"}, {"cgroup_parent", refused, "limits are the server's"},
	{"command", honoured, ""}, {"configs", refused, "not on the process platform yet"},
	{"container_name", ignored, "names are ours"}, {"cpu_count", ignored, "use deploy.resources"},
	{"cpu_percent", ignored, "use deploy.resources"}, {"cpu_period", ignored, "use deploy.resources"},
	{"cpu_quota", ignored, "use deploy.resources"}, {"cpu_rt_period", refused, "realtime scheduling"},
	{"cpu_rt_runtime", refused, "realtime scheduling"}, {"cpu_shares", ignored, "use deploy.resources"},
	{"cpus", honoured, ""}, {"cpuset", ignored, "no such limit"}, {"credential_spec", ignored, "Windows only"},
	{"depends_on", honoured, ""}, {"deploy", honoured, "replicas and limits"}, {"develop", ignored, "for development"},
	{"device_cgroup_rules", refused, "devices of the host"}, {"devices", refused, "devices of the host"},
	{"dns", ignored, "the host's"}, {"dns_opt", ignored, "the host's"}, {"dns_search", ignored, "the host's"},
	{"domainname", ignored, "the host's"}, {"entrypoint", honoured, ""}, {"env_file", honoured, ""}, {"environment", honoured, ""},
	{"expose", honoured, ""}, {"extends", honoured, "files of the repository"}, {"external_links", ignored, "use x-offshoot.links"},
	{"extra_hosts", ignored, "the host's names"}, {"gpus", refused, "devices of the host"}, {"group_add", ignored, "services have one group"},
	{"healthcheck", honoured, ""}, {"hostname", ignored, "the host's"}, {"image", honoured, "datastores by name"},
	{"init", ignored, "always"}, {"ipc", refused, "host namespaces"}, {"isolation", ignored, "Windows only"},
	{"label_file", ignored, "labels are not used"}, {"labels", ignored, "routes come from ports"}, {"links", ignored, "names resolve"},
	{"logging", ignored, "all output is kept"}, {"mac_address", ignored, "the network is the host's"}, {"mem_limit", honoured, ""},
	{"mem_reservation", ignored, "no such limit"}, {"mem_swappiness", ignored, "no such limit"}, {"memswap_limit", ignored, "no such limit"},
	{"models", refused, "no model runner"}, {"network_mode", honoured, "host and others' namespaces are refused"},
	{"networks", ignored, "the network is the host's"}, {"oom_kill_disable", refused, "limits are the server's"},
	{"oom_score_adj", ignored, "the server's"}, {"pid", refused, "host namespaces"}, {"pids_limit", honoured, ""},
	{"platform", ignored, "the host's"}, {"ports", honoured, "host ports become routes"}, {"post_start", refused, "use x-offshoot.hooks"},
	{"pre_start", refused, "use x-offshoot.hooks"}, {"pre_stop", refused, "use x-offshoot.hooks"}, {"privileged", refused, "a branch never gains power"},
	{"profiles", honoured, "services of a profile do not run"}, {"provider", refused, "programs of the host"}, {"pull_policy", ignored, "no image is pulled"},
	{"read_only", ignored, "all but /app, HOME and /tmp is read-only"}, {"restart", ignored, "always, with backoff"}, {"runtime", refused, "programs of the host"},
	{"scale", honoured, ""}, {"secrets", refused, "use `offshoot project secret set KEY --file PATH`"}, {"security_opt", ignored, "always no-new-privileges"},
	{"shm_size", ignored, "bounded by memory"}, {"stdin_open", ignored, "use offshoot console"}, {"stop_grace_period", honoured, ""},
	{"stop_signal", honoured, ""}, {"storage_opt", ignored, "no such limit"}, {"sysctls", refused, "the kernel is the host's"},
	{"tmpfs", honoured, ""}, {"tty", ignored, "use offshoot console"}, {"ulimits", ignored, "no such limit"},
	{"use_api_socket", refused, "sockets of the host"}, {"user", ignored, "each environment has its own user"}, {"userns_mode", refused, "host namespaces"},
	{"uts", refused, "host namespaces"}, {"volumes", honoured, ""}, {"volumes_from", refused, "name the volume in both"}, {"working_dir", honoured, ""},
}

// judge notes what a file's keys become. A false or empty value asks for
// nothing and is let be.
func (r *reader) judge(file string) {
	root := r.lines[file].root
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return
	}
	r.apply(file, "", root.Content[0], topKeys)
	services := child(root.Content[0], "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		if s := services.Content[i+1]; s.Kind == yaml.MappingNode {
			r.apply(file, "services."+services.Content[i].Value, s, serviceKeys)
			r.networkMode(file, "services."+services.Content[i].Value, s)
		}
	}
}

func (r *reader) apply(file, prefix string, n *yaml.Node, table []rule) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		if strings.HasPrefix(name, "x-") || name == "<<" || nothing(value) {
			continue
		}
		at := slices.IndexFunc(table, func(t rule) bool { return t.key == name })
		if at < 0 {
			continue // the loader's schema has refused it
		}
		switch t := table[at]; t.do {
		case refused:
			r.note(staging.NoteRefused, file, n.Content[i].Line, join(prefix, name), name+" is not allowed: "+t.why, "remove it, or override it in "+overlayName+" with !reset null")
		case ignored:
			r.note(staging.NoteIgnored, file, n.Content[i].Line, join(prefix, name), name+" is ignored: "+t.why, "")
		}
	}
}

func (r *reader) networkMode(file, prefix string, s *yaml.Node) {
	if m := child(s, "network_mode"); m != nil && (m.Value == "host" || strings.Contains(m.Value, ":")) {
		r.note(staging.NoteRefused, file, m.Line, prefix+".network_mode", "network_mode "+m.Value+" is not allowed: host namespaces", "remove it")
	}
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func nothing(n *yaml.Node) bool {
	return n.Tag == "!!null" || n.Tag == "!reset" || n.Kind == yaml.ScalarNode && n.Value == "false" ||
		(n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode) && len(n.Content) == 0
}
