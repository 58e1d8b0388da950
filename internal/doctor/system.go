package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// platform is what separates environments here, and what this host cannot do.
func (h Host) platform(ctx context.Context) []Check {
	traits, err := h.Platform()
	if err != nil {
		return fail("process platform", err.Error(), "start the server as root, or on a kernel with user namespaces")
	}
	all := ok("process platform", traits.Isolation)
	for _, lack := range traits.Lacks {
		all = append(all, Check{Name: "process platform", State: Warn, Message: lack, Remedy: "environments work, without this; as root on a kernel with cgroups v2 nothing is lacking"})
	}
	if os.Geteuid() != 0 {
		all = append(all, namespaces(ctx)...)
	}
	return all
}

func (h Host) overlay(context.Context) []Check {
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return warn("overlay", err.Error(), "")
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(strings.TrimPrefix(line, "nodev")) == "overlay" {
			return ok("overlay", "checkouts are laid over what was built, not copied")
		}
	}
	return warn("overlay", "the kernel has not loaded overlayfs", "modprobe overlay")
}

// wantedFiles is how many files a server with a hundred environments has open.
const wantedFiles = 4096

func (h Host) limits(context.Context) []Check {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return warn("limits", err.Error(), "")
	}
	if files.Max < wantedFiles {
		return warn("limits", fmt.Sprintf("a process may open %d files", files.Max), "raise it: ulimit -Hn 65536, or LimitNOFILE=65536 in the unit")
	}
	if text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances"); err == nil {
		var n int
		if _, err := fmt.Sscan(string(text), &n); err == nil && n < 64 {
			return warn("limits", fmt.Sprintf("a user may watch with %d inotify instances", n), "sysctl fs.inotify.max_user_instances=512")
		}
	}
	return ok("limits", fmt.Sprintf("%d open files", files.Max))
}

// built is a time before which no clock can be right.
var built = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// clock matters: what expires does so by it.
func (h Host) clock(context.Context) []Check {
	now := time.Now()
	if now.Before(built) {
		return fail("clock", "it says "+now.Format(time.RFC3339), "set it: timedatectl set-ntp true")
	}
	if adrift() {
		return warn("clock", "nothing keeps it right; a jump of minutes suspends the sweeper", "install chrony or systemd-timesyncd; inside a virtual machine the host may do it")
	}
	return ok("clock", now.UTC().Format(time.RFC3339)+", kept right")
}
