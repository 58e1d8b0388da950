package wiring

import (
	"context"
	"os"
	"strings"

	"offshoot/internal/staging"
	"offshoot/internal/store"
)

// bootSetting is where it is remembered in which life of the host the server
// last ran.
const bootSetting = "host.boot"

// bootID tells one life of the host from another, "" where nothing does.
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // other systems have none
	return strings.TrimSpace(string(text))
}

// rebooted lets all but the shared environments count as asleep after the host
// was started again: whoever wants one wakes it, and a hundred do not start at
// once. What was being deployed goes on.
func rebooted(ctx context.Context, db *store.Store, boot string) error {
	last, found, err := db.Setting(ctx, bootSetting)
	if err != nil || last == boot {
		return err
	}
	all, err := memories{db}.Live(ctx)
	if err != nil {
		return err
	}
	return db.Write(ctx, func(t *store.Tx) error {
		for _, e := range all {
			serves := e.Phase == staging.PhaseReady || e.Phase == staging.PhaseDegraded || e.Phase == staging.PhaseWaking
			if !found || e.Kind == staging.KindShared || !e.Awake || !serves {
				continue
			}
			e.Awake, e.AsleepBy = false, staging.AsleepIdle
			if err := t.PutEnvironment(ctx, e); err != nil {
				return err
			}
		}
		return t.PutSetting(ctx, bootSetting, boot)
	})
}
