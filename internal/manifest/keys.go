package manifest

import "strings"

// Treatment is what becomes of a Compose key.
type Treatment string

// The treatments.
const (
	Honoured Treatment = "honoured"
	Ignored  Treatment = "ignored"
	Refused  Treatment = "refused"
)

// Key is one row of the table of Compose keys.
type Key struct {
	// Name is the dotted path, with * for a name of the stack's own; the
	// elements of a list have the list's path.
	Name string
	// Process is what becomes of it on the process platform, Why the reason.
	Process Treatment
	Why     string
}

// keys is every key that Compose has. What is below an ignored or refused key
// shares its fate; what is below an honoured one has rows of its own, or is
// honoured whole. A row that is said to be honoured may still be refused for a
// value, as its reason says. docs/compose.md is written from it.
var keys = []Key{
	{"version", Ignored, "Compose itself ignores it"},
	{"name", Ignored, "environments are named after branches"},
	{"include", Honoured, "files of the repository"},
	{"include.path", Honoured, "inside the repository"},
	{"include.project_directory", Honoured, "inside the repository"},
	{"include.env_file", Honoured, "inside the repository"},
	{"networks", Ignored, "the network is the host's; names of services resolve"},
	{"models", Refused, "there is no model runner"},
	{"jobs", Refused, "write a service with x-offshoot.schedule"},
	{"volumes", Honoured, "volumes of the environment"},
	{"volumes.*.name", Ignored, "each environment has its own"},
	{"volumes.*.driver", Ignored, "each environment has its own, on this host"},
	{"volumes.*.driver_opts", Refused, "they can lead outside the repository"},
	{"volumes.*.external", Ignored, "each environment has its own"},
	{"volumes.*.labels", Ignored, "labels are not used"},
	{"configs", Honoured, "files of the services that name them"},
	{"configs.*.name", Ignored, "names are Offshoot's"},
	{"configs.*.file", Honoured, "inside the repository"},
	{"configs.*.content", Honoured, ""},
	{"configs.*.environment", Honoured, "a variable's value as a file"},
	{"configs.*.external", Refused, "write it with content, or use `offshoot project secret set KEY --file PATH`"},
	{"configs.*.labels", Ignored, "labels are not used"},
	{"configs.*.template_driver", Refused, "templates are Swarm's"},
	{"secrets", Honoured, "files of the services that name them"},
	{"secrets.*.name", Ignored, "names are Offshoot's"},
	{"secrets.*.file", Honoured, "inside the repository; a missing one is named by check"},
	{"secrets.*.environment", Honoured, "a variable's value as a file"},
	{"secrets.*.external", Refused, "use `offshoot project secret set KEY --file PATH`"},
	{"secrets.*.labels", Ignored, "labels are not used"},
	{"secrets.*.driver", Refused, "use `offshoot project secret set KEY --file PATH`"},
	{"secrets.*.driver_opts", Refused, "use `offshoot project secret set KEY --file PATH`"},
	{"secrets.*.template_driver", Refused, "templates are Swarm's"},
	{"services", Honoured, ""},

	{"services.*.annotations", Ignored, "for container engines"},
	{"services.*.attach", Ignored, "all output is kept"},
	{"services.*.blkio_config", Ignored, "there is no such limit"},
	{"services.*.build", Honoured, "says where the code is"},
	{"services.*.build.additional_contexts", Ignored, "no image is built"},
	{"services.*.build.args", Ignored, "no image is built; use `offshoot project env set K=V --build`"},
	{"services.*.build.cache_from", Ignored, "no image is built"},
	{"services.*.build.cache_to", Ignored, "no image is built"},
	{"services.*.build.context", Honoured, "a folder of the repository"},
	{"services.*.build.dockerfile", Honoured, "its command, folder and variables, where Compose has none"},
	{"services.*.build.dockerfile_inline", Honoured, "its command, folder and variables, where Compose has none"},
	{"services.*.build.entitlements", Refused, "a branch never gains power"},
	{"services.*.build.extra_hosts", Ignored, "names are the host's"},
	{"services.*.build.isolation", Ignored, "for Windows"},
	{"services.*.build.labels", Ignored, "labels are not used"},
	{"services.*.build.network", Ignored, "the network is the host's"},
	{"services.*.build.no_cache", Ignored, "no image is built"},
	{"services.*.build.no_cache_filter", Ignored, "no image is built"},
	{"services.*.build.platforms", Ignored, "the host's"},
	{"services.*.build.privileged", Refused, "a branch never gains power"},
	{"services.*.build.provenance", Ignored, "no image is built"},
	{"services.*.build.pull", Ignored, "no image is pulled"},
	{"services.*.build.sbom", Ignored, "no image is built"},
	{"services.*.build.secrets", Ignored, "no image is built; use `offshoot project secret set KEY --build`"},
	{"services.*.build.shm_size", Ignored, "bounded by memory"},
	{"services.*.build.ssh", Refused, "keys of the host; use `offshoot project credential set git`"},
	{"services.*.build.tags", Ignored, "no image is built"},
	{"services.*.build.target", Ignored, "no image is built"},
	{"services.*.build.ulimits", Ignored, "there is no such limit"},
	{"services.*.cap_add", Refused, "a branch never gains power"},
	{"services.*.cap_drop", Ignored, "services have no capabilities"},
	{"services.*.cgroup", Refused, "namespaces of the host"},
	{"services.*.cgroup_parent", Refused, "limits are the server's"},
	{"services.*.command", Honoured, ""},
	{"services.*.configs", Honoured, ""},
	{"services.*.configs.gid", Ignored, "the environment's own user reads it"},
	{"services.*.configs.mode", Ignored, "readable by the service alone"},
	{"services.*.configs.source", Honoured, ""},
	{"services.*.configs.target", Honoured, ""},
	{"services.*.configs.uid", Ignored, "the environment's own user reads it"},
	{"services.*.container_name", Ignored, "names are Offshoot's; others of the stack may call the service so"},
	{"services.*.cpu_count", Ignored, "use deploy.resources.limits"},
	{"services.*.cpu_percent", Ignored, "use deploy.resources.limits"},
	{"services.*.cpu_period", Ignored, "use deploy.resources.limits"},
	{"services.*.cpu_quota", Ignored, "use deploy.resources.limits"},
	{"services.*.cpu_rt_period", Refused, "the host's scheduling"},
	{"services.*.cpu_rt_runtime", Refused, "the host's scheduling"},
	{"services.*.cpu_shares", Ignored, "use deploy.resources.limits"},
	{"services.*.cpus", Honoured, ""},
	{"services.*.cpuset", Ignored, "there is no such limit"},
	{"services.*.credential_spec", Ignored, "for Windows"},
	{"services.*.depends_on", Honoured, "service_completed_successfully makes a release task"},
	{"services.*.deploy", Honoured, ""},
	{"services.*.deploy.endpoint_mode", Ignored, "for Swarm"},
	{"services.*.deploy.labels", Ignored, "labels are not used"},
	{"services.*.deploy.mode", Ignored, "use deploy.replicas"},
	{"services.*.deploy.placement", Ignored, "for Swarm"},
	{"services.*.deploy.replicas", Honoured, ""},
	{"services.*.deploy.resources", Honoured, ""},
	{"services.*.deploy.resources.limits", Honoured, "within the project's"},
	{"services.*.deploy.resources.reservations", Ignored, "nothing is reserved"},
	{"services.*.deploy.resources.reservations.devices", Refused, "devices of the host"},
	{"services.*.deploy.restart_policy", Ignored, "always, with backoff"},
	{"services.*.deploy.rollback_config", Ignored, "the old serves until the new is healthy"},
	{"services.*.deploy.update_config", Ignored, "the old serves until the new is healthy"},
	{"services.*.develop", Ignored, "for development"},
	{"services.*.device_cgroup_rules", Refused, "devices of the host"},
	{"services.*.devices", Refused, "devices of the host"},
	{"services.*.dns", Ignored, "the host's"},
	{"services.*.dns_opt", Ignored, "the host's"},
	{"services.*.dns_search", Ignored, "the host's"},
	{"services.*.domainname", Ignored, "the host's"},
	{"services.*.entrypoint", Honoured, ""},
	{"services.*.env_file", Honoured, "inside the repository; a missing one is answered by the project's variables"},
	{"services.*.environment", Honoured, ""},
	{"services.*.expose", Honoured, ""},
	{"services.*.extends", Honoured, "files of the repository"},
	{"services.*.external_links", Ignored, "use x-offshoot.links"},
	{"services.*.extra_hosts", Ignored, "names are the host's"},
	{"services.*.gpus", Refused, "devices of the host"},
	{"services.*.group_add", Ignored, "each environment has its own user and group"},
	{"services.*.healthcheck", Honoured, "a deployment waits for it"},
	{"services.*.hostname", Ignored, "the host's; others of the stack may call the service so"},
	{"services.*.image", Honoured, "datastores by name; another image cannot run as a process"},
	{"services.*.init", Ignored, "there always is one"},
	{"services.*.ipc", Refused, "namespaces of the host"},
	{"services.*.isolation", Ignored, "for Windows"},
	{"services.*.label_file", Ignored, "labels are not used"},
	{"services.*.labels", Ignored, "labels are not used; routes come from ports"},
	{"services.*.links", Honoured, "names resolve, these too"},
	{"services.*.logging", Ignored, "all output is kept"},
	{"services.*.mac_address", Ignored, "the network is the host's"},
	{"services.*.mem_limit", Honoured, ""},
	{"services.*.mem_reservation", Ignored, "nothing is reserved"},
	{"services.*.mem_swappiness", Ignored, "there is no such limit"},
	{"services.*.memswap_limit", Ignored, "there is no such limit"},
	{"services.*.models", Refused, "there is no model runner"},
	{"services.*.network_mode", Ignored, "services find each other by name; host, service: and container: are refused"},
	{"services.*.networks", Ignored, "the network is the host's; names and aliases resolve"},
	{"services.*.oom_kill_disable", Refused, "limits are the server's"},
	{"services.*.oom_score_adj", Ignored, "the server's"},
	{"services.*.pid", Refused, "namespaces of the host"},
	{"services.*.pids_limit", Honoured, ""},
	{"services.*.platform", Ignored, "the host's"},
	{"services.*.ports", Honoured, "the first service with one is the environment's URL"},
	{"services.*.ports.app_protocol", Ignored, "the edge speaks HTTP"},
	{"services.*.ports.host_ip", Ignored, "host ports become routes"},
	{"services.*.ports.mode", Ignored, "host ports become routes"},
	{"services.*.ports.name", Ignored, "names are Offshoot's"},
	{"services.*.ports.protocol", Honoured, "tcp; a udp port is not routed"},
	{"services.*.ports.published", Honoured, "not as a port: it becomes a route, and check says so"},
	{"services.*.ports.target", Honoured, "the service is told by PORT where to listen"},
	{"services.*.post_start", Refused, "use x-offshoot.hooks.after_deploy"},
	{"services.*.pre_start", Refused, "use x-offshoot.release, or a service that others await"},
	{"services.*.pre_stop", Refused, "use x-offshoot.hooks.before_destroy"},
	{"services.*.privileged", Refused, "a branch never gains power"},
	{"services.*.profiles", Honoured, "services of a profile do not run, but for those of COMPOSE_PROFILES"},
	{"services.*.provider", Refused, "programs of the host"},
	{"services.*.pull_policy", Ignored, "no image is pulled"},
	{"services.*.pull_refresh_after", Ignored, "no image is pulled"},
	{"services.*.read_only", Ignored, "all but /app, HOME and /tmp is read-only"},
	{"services.*.restart", Ignored, "always, with backoff"},
	{"services.*.runtime", Refused, "programs of the host"},
	{"services.*.scale", Honoured, ""},
	{"services.*.secrets", Honoured, ""},
	{"services.*.secrets.gid", Ignored, "the environment's own user reads it"},
	{"services.*.secrets.mode", Ignored, "readable by the service alone"},
	{"services.*.secrets.source", Honoured, ""},
	{"services.*.secrets.target", Honoured, ""},
	{"services.*.secrets.uid", Ignored, "the environment's own user reads it"},
	{"services.*.security_opt", Ignored, "services never gain privileges"},
	{"services.*.shm_size", Ignored, "bounded by memory"},
	{"services.*.stdin_open", Ignored, "use `offshoot console`"},
	{"services.*.stop_grace_period", Honoured, ""},
	{"services.*.stop_signal", Honoured, ""},
	{"services.*.storage_opt", Ignored, "there is no such limit"},
	{"services.*.sysctls", Refused, "the kernel is the host's"},
	{"services.*.tmpfs", Honoured, ""},
	{"services.*.tty", Ignored, "use `offshoot console`"},
	{"services.*.ulimits", Ignored, "there is no such limit"},
	{"services.*.umask", Ignored, "the files are of the environment's own user"},
	{"services.*.use_api_socket", Refused, "sockets of the host"},
	{"services.*.user", Ignored, "each environment has its own user"},
	{"services.*.userns_mode", Refused, "namespaces of the host"},
	{"services.*.uts", Refused, "namespaces of the host"},
	{"services.*.volumes", Honoured, "inside the repository"},
	{"services.*.volumes.bind", Ignored, "a path of the repository as it is"},
	{"services.*.volumes.consistency", Ignored, "always consistent"},
	{"services.*.volumes.image", Ignored, "its type is refused"},
	{"services.*.volumes.read_only", Honoured, ""},
	{"services.*.volumes.source", Honoured, "what Git tracks is the checkout's, else a volume; outside the repository is refused"},
	{"services.*.volumes.target", Honoured, "under the host's programs (/usr, /etc and the like) it is ignored"},
	{"services.*.volumes.tmpfs", Ignored, "bounded by memory"},
	{"services.*.volumes.type", Honoured, "bind, volume and tmpfs"},
	{"services.*.volumes.volume", Honoured, ""},
	{"services.*.volumes.volume.labels", Ignored, "labels are not used"},
	{"services.*.volumes.volume.nocopy", Ignored, "volumes start empty or as the snapshot has them"},
	{"services.*.volumes.volume.subpath", Refused, "name a volume of its own"},
	{"services.*.volumes_from", Refused, "name the volume in both services"},
	{"services.*.working_dir", Honoured, "where a mount or the code is; else the code's folder"},
}

// Keys is the table, for docs/compose.md.
func Keys() []Key { return keys }

// table finds rows by name, and knows which names have rows below them.
type table struct {
	rows   map[string]Key
	parent map[string]bool
}

func newTable() table {
	t := table{rows: map[string]Key{}, parent: map[string]bool{"": true}}
	for _, k := range keys {
		t.rows[k.Name] = k
		for name := k.Name; ; {
			i := strings.LastIndexByte(name, '.')
			if i < 0 {
				break
			}
			name = name[:i]
			t.parent[name] = true
		}
	}
	return t
}

// below are the names of the keys that may stand under name.
func (t table) below(name string) []string {
	var list []string
	for _, k := range keys {
		rest := k.Name
		if name != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(k.Name, name+"."); !ok {
				continue
			}
		}
		if !strings.Contains(rest, ".") {
			list = append(list, rest)
		}
	}
	return list
}
