package telemetry_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/telemetry"
	"offshoot/internal/wire"
)

func TestMetrics(t *testing.T) {
	now := time.Unix(1000, 0)
	ctx, cancel := context.WithCancel(t.Context())
	swept := now.Add(-90 * time.Second)
	given := false
	m := telemetry.New(telemetry.Config{
		Status: func(context.Context) (wire.Status, error) {
			return wire.Status{Version: "1.2.3", Environments: map[string]int{"ready": 2, "asleep": 7}, Queue: make([]wire.Queued, 3),
				Capacity: wire.Capacity{DiskFreeBytes: 5, DiskTotalBytes: 9}, Tasks: []wire.Task{{Name: "sweep", LastSuccessAt: &swept, Late: true}}}, nil
		},
		Edge:      func() telemetry.Edge { return telemetry.Edge{Requests: 10, Unknown: 4, Held: 3, Holding: 1} },
		LastEvent: func(context.Context) (int64, error) { return 5, nil },
		Events: func(_ context.Context, after int64, _ time.Duration) ([]staging.Event, error) {
			if given {
				cancel()
				return nil, ctx.Err()
			}
			given = true
			if after != 5 {
				t.Errorf("events after %d", after)
			}
			return []staging.Event{{Seq: 6, Type: "deployment.step", Project: "shop"}, {Seq: 7, Type: "deployment.succeeded", Project: "shop", Environment: "env_a", At: now}}, nil
		},
		Deployments: func(context.Context, string, int) ([]wire.Deployment, error) {
			return []wire.Deployment{{Outcome: "succeeded", FinishedAt: &now, TotalMS: 700, Steps: []wire.Step{{Name: "build", State: "done", DurationMS: 20}, {Name: "route", State: "pending"}}}}, nil
		},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	m.Follow(ctx)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`offshoot_environments{phase="ready"} 2`, `offshoot_environments{phase="failed"} 0`, `offshoot_queue_length 3`, `offshoot_disk_free_bytes 5`,
		`offshoot_task_age_seconds{task="sweep"} 90`, `offshoot_task_late{task="sweep"} 1`, `offshoot_edge_requests_total{host="known"} 6`, `offshoot_edge_requests_total{host="unknown"} 4`,
		`offshoot_edge_held_total 3`, `offshoot_edge_holding 1`, `offshoot_deployment_seconds_bucket{outcome="succeeded",project="shop",le="1"} 1`,
		`offshoot_deployment_seconds_sum{outcome="succeeded",project="shop"} 0.7`, `offshoot_deployment_step_seconds_count{state="done",step="build"} 1`, `offshoot_build_info{version="1.2.3"} 1`, "process_open_fds"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(w.Body.String(), "pending") {
		t.Error("a step that did not run was counted")
	}
}
