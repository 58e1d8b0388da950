package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"offshoot/internal/staging"
)

// state is what is read when Prometheus asks.
type state struct{ m *Metrics }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("offshoot_"+name, help, labels, nil)
}

// Describe says nothing: what there is depends on what is there.
func (s state) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s state) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	e := s.m.c.Edge()
	requests := describe("edge_requests_total", "Requests to environments' hosts.", "host")
	counter(requests, e.Requests-e.Unknown, "known")
	counter(requests, e.Unknown, "unknown")
	counter(describe("edge_held_total", "Requests that waited for an environment to wake."), e.Held)
	gauge(describe("edge_holding", "Requests that wait now."), float64(e.Holding))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	st, err := s.m.c.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(describe("up", "Whether the state can be read."), err)
		return
	}
	phases := describe("environments", "Environments by phase.", "phase")
	for _, p := range []staging.Phase{staging.PhaseQueued, staging.PhaseDeploying, staging.PhaseReady, staging.PhaseDegraded, staging.PhaseAsleep, staging.PhaseWaking, staging.PhaseFailed, staging.PhaseDestroying} {
		gauge(phases, float64(st.Environments[string(p)]), string(p))
	}
	gauge(describe("queue_length", "Environments that wait for their turn or for capacity."), float64(len(st.Queue)))
	gauge(describe("disk_free_bytes", "Free space in the data folder."), float64(st.Capacity.DiskFreeBytes))
	gauge(describe("disk_total_bytes", "Size of the data folder's file system."), float64(st.Capacity.DiskTotalBytes))
	age := describe("task_age_seconds", "Time since a regular duty last succeeded: sweep, snapshot and others.", "task")
	late := describe("task_late", "Whether a regular duty is late.", "task")
	for _, t := range st.Tasks {
		if t.LastSuccessAt != nil {
			gauge(age, s.m.c.Now().Sub(*t.LastSuccessAt).Seconds(), t.Name)
		}
		v := 0.0
		if t.Late {
			v = 1
		}
		gauge(late, v, t.Name)
	}
	gauge(describe("build_info", "The server's version.", "version"), 1, st.Version)
}
