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
	// Process is what becomes of it where the checkout runs as processes, Docker
	// where images run.
	Process, Docker Rule
}

// Rule is what becomes of a key, and why.
type Rule struct {
	Treatment Treatment
	Why       string
}

// both is a row that holds wherever a stack runs.
func both(name string, t Treatment, why string) Key {
	return Key{Name: name, Process: Rule{t, why}, Docker: Rule{t, why}}
}

func each(name string, process Treatment, why string, docker Treatment, dockerWhy string) Key {
	return Key{Name: name, Process: Rule{process, why}, Docker: Rule{docker, dockerWhy}}
}

// restarts is what is done about services that end.
const restarts = "what crashes starts again, with backoff; what ends with 0 and has no port is done, unless it says always or unless-stopped"

// ofWritten is where a file inside may have an owner and a mode.
const ofWritten = "of what is written by content or environment; files of the repository are as Git has them"

// keys is every key that Compose has. What is below an ignored or refused key
// shares its fate; what is below an honoured one has rows of its own, or is
// honoured whole. A row that is said to be honoured may still be refused for a
// value, as its reason says. docs/compose.md is written from it.
var keys = []Key{
	both("version", Ignored, "Compose itself ignores it"),
	both("name", Ignored, "environments are named after branches"),
	both("include", Honoured, "files of the repository"),
	both("include.path", Honoured, "inside the repository"),
	both("include.project_directory", Honoured, "inside the repository"),
	both("include.env_file", Honoured, "inside the repository"),
	each("networks", Ignored, "the network is the host's; names of services resolve", Ignored, "each environment has one of its own; names of services and aliases resolve"),
	both("models", Refused, "there is no model runner"),
	both("jobs", Refused, "write a service with x-offshoot.schedule"),
	both("volumes", Honoured, "volumes of the environment"),
	both("volumes.*.name", Ignored, "each environment has its own"),
	both("volumes.*.driver", Ignored, "each environment has its own, on this host"),
	both("volumes.*.driver_opts", Refused, "they can lead outside the repository"),
	both("volumes.*.external", Ignored, "each environment has its own"),
	both("volumes.*.labels", Ignored, "labels are not used"),
	both("configs", Honoured, "files of the services that name them"),
	both("configs.*.name", Ignored, "names are Offshoot's"),
	both("configs.*.file", Honoured, "inside the repository"),
	both("configs.*.content", Honoured, ""),
	both("configs.*.environment", Honoured, "a variable's value as a file"),
	both("configs.*.external", Refused, "write it with content, or use `offshoot project secret set KEY --file PATH`"),
	both("configs.*.labels", Ignored, "labels are not used"),
	both("configs.*.template_driver", Refused, "templates are Swarm's"),
	both("secrets", Honoured, "files of the services that name them"),
	both("secrets.*.name", Ignored, "names are Offshoot's"),
	both("secrets.*.file", Honoured, "inside the repository; a missing one is named by check"),
	both("secrets.*.environment", Honoured, "a variable's value as a file"),
	both("secrets.*.external", Refused, "use `offshoot project secret set KEY --file PATH`"),
	both("secrets.*.labels", Ignored, "labels are not used"),
	both("secrets.*.driver", Refused, "use `offshoot project secret set KEY --file PATH`"),
	both("secrets.*.driver_opts", Refused, "use `offshoot project secret set KEY --file PATH`"),
	both("secrets.*.template_driver", Refused, "templates are Swarm's"),
	both("services", Honoured, ""),

	each("services.*.annotations", Ignored, "for container engines", Ignored, "they are for other engines"),
	both("services.*.attach", Ignored, "all output is kept"),
	both("services.*.blkio_config", Ignored, "there is no such limit"),
	each("services.*.build", Honoured, "says where the code is", Honoured, "the image is built from the repository"),
	each("services.*.build.additional_contexts", Ignored, "no image is built", Honoured, "folders of the repository, images, and what other services build"),
	each("services.*.build.args", Ignored, "no image is built; use `offshoot project env set K=V --build`", Honoured, "one that holds a secret is refused: it would stay in the image"),
	each("services.*.build.cache_from", Ignored, "no image is built", Honoured, ""),
	each("services.*.build.cache_to", Ignored, "no image is built", Ignored, "what was built is kept"),
	both("services.*.build.context", Honoured, "a folder of the repository"),
	each("services.*.build.dockerfile", Honoured, "its command, folder and variables, where Compose has none", Honoured, "inside the repository"),
	each("services.*.build.dockerfile_inline", Honoured, "its command, folder and variables, where Compose has none", Honoured, ""),
	both("services.*.build.entitlements", Refused, "a branch never gains power"),
	each("services.*.build.extra_hosts", Ignored, "names are the host's", Honoured, "not host-gateway"),
	both("services.*.build.isolation", Ignored, "for Windows"),
	each("services.*.build.labels", Ignored, "labels are not used", Honoured, ""),
	each("services.*.build.network", Ignored, "the network is the host's", Honoured, "none has none, any other is the engine's; host is refused"),
	each("services.*.build.no_cache", Ignored, "no image is built", Honoured, ""),
	each("services.*.build.no_cache_filter", Ignored, "no image is built", Ignored, "use no_cache"),
	each("services.*.build.platforms", Ignored, "the host's", Ignored, "the engine's own"),
	both("services.*.build.privileged", Refused, "a branch never gains power"),
	each("services.*.build.provenance", Ignored, "no image is built", Ignored, "the image stays here"),
	each("services.*.build.pull", Ignored, "no image is pulled", Ignored, "an image is pulled where it is absent"),
	each("services.*.build.sbom", Ignored, "no image is built", Ignored, "the image stays here"),
	each("services.*.build.secrets", Ignored, "no image is built; use `offshoot project secret set KEY --build`", Honoured, "mounted into the build's steps, never baked"),
	each("services.*.build.shm_size", Ignored, "bounded by memory", Ignored, "bounded by memory"),
	both("services.*.build.ssh", Refused, "keys of the host; use `offshoot project credential set git`"),
	each("services.*.build.tags", Ignored, "no image is built", Ignored, "names of images are Offshoot's"),
	each("services.*.build.target", Ignored, "no image is built", Honoured, ""),
	both("services.*.build.ulimits", Ignored, "there is no such limit"),
	each("services.*.cap_add", Refused, "a branch never gains power", Honoured, "what a container has anyway, and IPC_LOCK; SYS_NICE and SYS_PTRACE are ignored; a branch never gains more"),
	each("services.*.cap_drop", Ignored, "services have no capabilities", Honoured, ""),
	each("services.*.cgroup", Refused, "namespaces of the host", Honoured, "private; host is refused"),
	both("services.*.cgroup_parent", Refused, "limits are the server's"),
	both("services.*.command", Honoured, ""),
	both("services.*.configs", Honoured, ""),
	each("services.*.configs.gid", Ignored, "the environment's own user reads it", Honoured, ofWritten),
	each("services.*.configs.mode", Ignored, "readable by the service alone", Honoured, ofWritten),
	both("services.*.configs.source", Honoured, ""),
	both("services.*.configs.target", Honoured, ""),
	each("services.*.configs.uid", Ignored, "the environment's own user reads it", Honoured, ofWritten),
	both("services.*.container_name", Ignored, "names are Offshoot's; others of the stack may call the service so"),
	both("services.*.cpu_count", Ignored, "use deploy.resources.limits"),
	both("services.*.cpu_percent", Ignored, "use deploy.resources.limits"),
	both("services.*.cpu_period", Ignored, "use deploy.resources.limits"),
	both("services.*.cpu_quota", Ignored, "use deploy.resources.limits"),
	both("services.*.cpu_rt_period", Refused, "the host's scheduling"),
	both("services.*.cpu_rt_runtime", Refused, "the host's scheduling"),
	both("services.*.cpu_shares", Ignored, "use deploy.resources.limits"),
	both("services.*.cpus", Honoured, ""),
	both("services.*.cpuset", Ignored, "there is no such limit"),
	both("services.*.credential_spec", Ignored, "for Windows"),
	both("services.*.depends_on", Honoured, "service_completed_successfully makes a release task; without a condition it waits until the other is well"),
	both("services.*.deploy", Honoured, ""),
	both("services.*.deploy.endpoint_mode", Ignored, "for Swarm"),
	both("services.*.deploy.labels", Ignored, "labels are not used"),
	both("services.*.deploy.mode", Ignored, "use deploy.replicas"),
	both("services.*.deploy.placement", Ignored, "for Swarm"),
	both("services.*.deploy.replicas", Honoured, ""),
	both("services.*.deploy.resources", Honoured, ""),
	both("services.*.deploy.resources.limits", Honoured, "within the project's"),
	both("services.*.deploy.resources.reservations", Ignored, "nothing is reserved"),
	both("services.*.deploy.resources.reservations.devices", Refused, "devices of the host"),
	both("services.*.deploy.restart_policy", Ignored, restarts),
	both("services.*.deploy.rollback_config", Ignored, "the old serves until the new is healthy"),
	both("services.*.deploy.update_config", Ignored, "the old serves until the new is healthy"),
	both("services.*.develop", Ignored, "for development"),
	both("services.*.device_cgroup_rules", Refused, "devices of the host"),
	both("services.*.devices", Refused, "devices of the host"),
	each("services.*.dns", Ignored, "the host's", Honoured, ""),
	each("services.*.dns_opt", Ignored, "the host's", Honoured, ""),
	each("services.*.dns_search", Ignored, "the host's", Honoured, ""),
	each("services.*.domainname", Ignored, "the host's", Honoured, ""),
	both("services.*.entrypoint", Honoured, ""),
	both("services.*.env_file", Honoured, "inside the repository; a missing one is answered by the project's variables"),
	both("services.*.environment", Honoured, ""),
	both("services.*.expose", Honoured, ""),
	both("services.*.extends", Honoured, "files of the repository"),
	both("services.*.external_links", Ignored, "use x-offshoot.links"),
	each("services.*.extra_hosts", Ignored, "names are the host's", Honoured, "not host-gateway: no way leads to the host"),
	both("services.*.gpus", Refused, "devices of the host"),
	each("services.*.group_add", Ignored, "each environment has its own user and group", Honoured, ""),
	both("services.*.healthcheck", Honoured, "a deployment waits for it"),
	each("services.*.hostname", Ignored, "the host's; others of the stack may call the service so", Honoured, ""),
	each("services.*.image", Honoured, "datastores by name; another image cannot run as a process", Honoured, "any; datastores by name"),
	each("services.*.init", Ignored, "there always is one", Honoured, ""),
	each("services.*.ipc", Refused, "namespaces of the host", Honoured, "private, shareable and none; others are refused"),
	both("services.*.isolation", Ignored, "for Windows"),
	both("services.*.label_file", Ignored, "labels are not used"),
	each("services.*.labels", Ignored, "labels are not used; routes come from ports", Honoured, "kept; those of proxies and other managers are ignored: routes come from ports"),
	both("services.*.links", Honoured, "names resolve, these too"),
	both("services.*.logging", Ignored, "all output is kept"),
	each("services.*.mac_address", Ignored, "the network is the host's", Ignored, "addresses are the engine's"),
	both("services.*.mem_limit", Honoured, ""),
	both("services.*.mem_reservation", Ignored, "nothing is reserved"),
	both("services.*.mem_swappiness", Ignored, "there is no such limit"),
	both("services.*.memswap_limit", Ignored, "there is no such limit"),
	both("services.*.models", Refused, "there is no model runner"),
	each("services.*.network_mode", Ignored, "services find each other by name; host, service: and container: are refused", Ignored, "each environment has a network of its own; host, service: and container: are refused"),
	each("services.*.networks", Ignored, "the network is the host's; names and aliases resolve", Ignored, "each environment has one; names and aliases resolve, fixed addresses are not kept"),
	both("services.*.oom_kill_disable", Refused, "limits are the server's"),
	both("services.*.oom_score_adj", Ignored, "the server's"),
	each("services.*.pid", Refused, "namespaces of the host", Refused, "namespaces of the host or of others"),
	both("services.*.pids_limit", Honoured, ""),
	each("services.*.platform", Ignored, "the host's", Ignored, "the engine's own"),
	both("services.*.ports", Honoured, "the first service with one is the environment's URL"),
	both("services.*.ports.app_protocol", Ignored, "the edge speaks HTTP"),
	both("services.*.ports.host_ip", Ignored, "host ports become routes"),
	both("services.*.ports.mode", Ignored, "host ports become routes"),
	both("services.*.ports.name", Ignored, "names are Offshoot's"),
	both("services.*.ports.protocol", Honoured, "tcp; a udp port is not routed"),
	both("services.*.ports.published", Honoured, "not as a port: it becomes a route, and check says so"),
	each("services.*.ports.target", Honoured, "the service is told by PORT where to listen", Honoured, ""),
	both("services.*.post_start", Refused, "use x-offshoot.hooks.after_deploy"),
	both("services.*.pre_start", Refused, "use x-offshoot.release, or a service that others await"),
	both("services.*.pre_stop", Refused, "use x-offshoot.hooks.before_destroy"),
	both("services.*.privileged", Refused, "a branch never gains power"),
	both("services.*.profiles", Honoured, "services of a profile do not run, but for those of COMPOSE_PROFILES"),
	both("services.*.provider", Refused, "programs of the host"),
	each("services.*.pull_policy", Ignored, "no image is pulled", Ignored, "an image is pulled where it is absent"),
	each("services.*.pull_refresh_after", Ignored, "no image is pulled", Ignored, "an image is pulled where it is absent"),
	each("services.*.read_only", Ignored, "all but /app, HOME and /tmp is read-only", Honoured, ""),
	both("services.*.restart", Ignored, restarts),
	each("services.*.runtime", Refused, "programs of the host", Honoured, "runc; others are refused"),
	both("services.*.scale", Honoured, ""),
	both("services.*.secrets", Honoured, ""),
	each("services.*.secrets.gid", Ignored, "the environment's own user reads it", Honoured, ofWritten),
	each("services.*.secrets.mode", Ignored, "readable by the service alone", Honoured, ofWritten),
	both("services.*.secrets.source", Honoured, ""),
	both("services.*.secrets.target", Honoured, ""),
	each("services.*.secrets.uid", Ignored, "the environment's own user reads it", Honoured, ofWritten),
	each("services.*.security_opt", Ignored, "services never gain privileges", Honoured, "no-new-privileges; what else confines containers is the server's"),
	each("services.*.shm_size", Ignored, "bounded by memory", Honoured, ""),
	each("services.*.stdin_open", Ignored, "use `offshoot console`", Honoured, ""),
	both("services.*.stop_grace_period", Honoured, ""),
	both("services.*.stop_signal", Honoured, ""),
	both("services.*.storage_opt", Ignored, "there is no such limit"),
	each("services.*.sysctls", Refused, "the kernel is the host's", Honoured, "those of a container's own: net.*, kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.*"),
	each("services.*.tmpfs", Honoured, "its options are Offshoot's", Honoured, ""),
	each("services.*.tty", Ignored, "use `offshoot console`", Honoured, ""),
	each("services.*.ulimits", Ignored, "there is no such limit", Honoured, "not those of the host's scheduling"),
	each("services.*.umask", Ignored, "the files are of the environment's own user", Ignored, "the image's"),
	both("services.*.use_api_socket", Refused, "sockets of the host"),
	each("services.*.user", Ignored, "each environment has its own user", Honoured, ""),
	both("services.*.userns_mode", Refused, "namespaces of the host"),
	both("services.*.uts", Refused, "namespaces of the host"),
	both("services.*.volumes", Honoured, "inside the repository"),
	both("services.*.volumes.bind", Ignored, "a path of the repository as it is"),
	both("services.*.volumes.consistency", Ignored, "always consistent"),
	both("services.*.volumes.image", Ignored, "its type is refused"),
	both("services.*.volumes.read_only", Honoured, ""),
	both("services.*.volumes.source", Honoured, "what Git tracks is the checkout's, else a volume; outside the repository is refused"),
	each("services.*.volumes.target", Honoured, "under the host's programs (/usr, /etc and the like) it is ignored", Honoured, "not / or the kernel's /proc, /sys and /dev"),
	each("services.*.volumes.tmpfs", Ignored, "bounded by memory", Honoured, ""),
	both("services.*.volumes.type", Honoured, "bind, volume and tmpfs"),
	both("services.*.volumes.volume", Honoured, ""),
	both("services.*.volumes.volume.labels", Ignored, "labels are not used"),
	each("services.*.volumes.volume.nocopy", Ignored, "volumes start empty or as the snapshot has them", Honoured, "else an empty volume takes what the image has there"),
	both("services.*.volumes.volume.subpath", Refused, "name a volume of its own"),
	both("services.*.volumes_from", Refused, "name the volume in both services"),
	each("services.*.working_dir", Honoured, "where a mount or the code is; else the code's folder", Honoured, ""),
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
