package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unfit is what of a value is refused where its key is not, and why; "" where
// nothing is.
func unfit(row string, value any) (bad, why string) {
	check, ok := values[row]
	if !ok {
		return "", ""
	}
	for _, v := range elements(value) {
		if why := check(v); why != "" {
			return v, why
		}
	}
	return "", ""
}

// elements are a value's own text, or those of a list or mapping; an entry of a
// mapping as KEY=VALUE.
func elements(value any) []string {
	switch v := value.(type) {
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, fmt.Sprint(e))
		}
		return list
	case map[string]any:
		var list []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, fmt.Sprintf("%s=%v", key, v[key]))
		}
		return list
	}
	return []string{fmt.Sprint(value)}
}

const ofOthers = "namespaces of the host or of others"

// values are the rows of which some values are refused.
var values = map[string]func(v string) string{
	"services.*.network_mode": func(v string) string {
		if v == "host" || strings.Contains(v, ":") {
			return ofOthers
		}
		return ""
	},
	"services.*.build.network": func(v string) string { return unless(v != "host", "builds have no way to the host") },
	"services.*.ipc":           func(v string) string { return unless(v == "private" || v == "shareable" || v == "none", ofOthers) },
	"services.*.cgroup":        func(v string) string { return unless(v == "private", ofOthers) },
	"services.*.runtime":       func(v string) string { return unless(v == "runc", "programs of the host") },
	"services.*.cap_add": func(v string) string {
		return unless(slices.Contains(harmless, capability(v)) || slices.Contains(idle, capability(v)), "a branch never gains power")
	},
	"services.*.sysctls": func(v string) string {
		name, _, _ := strings.Cut(v, "=")
		return unless(ownSysctl(name), "the kernel is the host's")
	},
}

func unless(fine bool, why string) string {
	if fine {
		return ""
	}
	return why
}

// harmless are the capabilities that an engine gives every container, and one
// that memory's limit bounds.
var harmless = []string{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
	"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}

// idle are capabilities that are asked for and that programs do without.
var idle = []string{"SYS_NICE", "SYS_PTRACE"}

func capability(name string) string {
	return strings.TrimPrefix(strings.ToUpper(name), "CAP_")
}

// ownSysctl is whether a kernel's parameter is that of a container's own
// namespaces; see namespaces(7) and the documentation of docker run --sysctl.
func ownSysctl(name string) bool {
	return strings.HasPrefix(name, "net.") || strings.HasPrefix(name, "fs.mqueue.") || slices.Contains([]string{"kernel.msgmax", "kernel.msgmnb",
		"kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"}, name)
}
