//go:build linux

package process_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/platformtest"
	"offshoot/internal/platform/process"
	"offshoot/internal/staging"
)

func TestConformance(t *testing.T) {
	platformtest.Run(t, func(t *testing.T) platformtest.World {
		dir := folder(t)
		return platformtest.World{
			Open: func(t *testing.T) platform.Driver {
				d, err := process.New(process.Config{Dir: dir, Log: slog.New(slog.DiscardHandler), Shape: shape()})
				if err != nil {
					t.Fatal(err)
				}
				return d
			},
			Command:      platformtest.Shell,
			LimitsMemory: limitsMemory,
			Build: func(t *testing.T, key string, p platformtest.Program) *staging.BuildSpec {
				checkout := folder(t)
				if err := os.WriteFile(checkout+"/code", []byte("code"), 0o644); err != nil {
					t.Fatal(err)
				}
				return &staging.BuildSpec{Project: "shop", Key: key, Checkout: checkout, Branch: "main", BaseBranch: "main", Timeout: time.Minute,
					Steps: []staging.BuildStep{{Name: "build", Command: platformtest.Shell(p)}}, Env: map[string]string{"PATH": "/usr/bin:/bin"}}
			},
		}
	})
}
