// Package telemetry measures the server itself: what Prometheus reads. It
// looks when it is asked, and counts deployments from the event feed; nothing
// else knows of it.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// scrapeLimit bounds looking at the state for one answer.
const scrapeLimit = 10 * time.Second

// Edge is what the edge has done since it started.
type Edge struct {
	// Requests came in, Unknown of them for no host that there is; Held waited
	// for an environment, Holding wait now.
	Requests, Unknown, Held, Holding int64
}

// Config is what is measured.
type Config struct {
	Status func(ctx context.Context) (wire.Status, error)
	Edge   func() Edge
	// LastEvent is the newest event's number, Events those after one, waiting
	// for the first.
	LastEvent   func(ctx context.Context) (int64, error)
	Events      func(ctx context.Context, after int64, patience time.Duration) ([]staging.Event, error)
	Deployments func(ctx context.Context, environment string, limit int) ([]wire.Deployment, error)
	Log         *slog.Logger
	Now         func() time.Time
}

// Metrics is safe for concurrent use.
type Metrics struct {
	c           Config
	registry    *prometheus.Registry
	deployments *prometheus.HistogramVec
	steps       *prometheus.HistogramVec
}

// New measures with that configuration.
func New(c Config) *Metrics {
	m := &Metrics{c: c, registry: prometheus.NewRegistry()}
	m.deployments = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "offshoot_deployment_seconds", Help: "How long deployments took, by how they ended.",
		Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}}, []string{"project", "outcome"})
	m.steps = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "offshoot_deployment_step_seconds", Help: "How long the steps of deployments took.",
		Buckets: []float64{.005, .025, .1, .25, 1, 5, 30, 120, 600}}, []string{"step", "state"})
	m.registry.MustRegister(m.deployments, m.steps, state{m}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ServeHTTP answers Prometheus.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// Follow counts deployments as they end, until ctx does.
func (m *Metrics) Follow(ctx context.Context) {
	after, err := m.c.LastEvent(ctx)
	for ctx.Err() == nil {
		var list []staging.Event
		if err == nil {
			list, err = m.c.Events(ctx, after, time.Minute)
		}
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				m.c.Log.Warn("metrics", "error", err)
			}
			return
		}
		for _, e := range list {
			after = e.Seq
			m.count(ctx, e)
		}
	}
}

// recent is among how many deployments the one is looked for that has just
// ended.
const recent = 10

// count measures the deployment that an event says has ended.
func (m *Metrics) count(ctx context.Context, e staging.Event) {
	outcome, ok := strings.CutPrefix(e.Type, "deployment.")
	if !ok || outcome == "created" || outcome == "step" {
		return
	}
	list, err := m.c.Deployments(ctx, e.Environment, recent)
	if err != nil {
		return // it was forgotten meanwhile
	}
	for _, d := range list {
		if d.Outcome != outcome || d.FinishedAt == nil || e.At.Sub(*d.FinishedAt).Abs() > time.Second {
			continue
		}
		m.deployments.WithLabelValues(e.Project, outcome).Observe(float64(d.TotalMS) / 1000)
		for _, s := range d.Steps {
			if s.State == string(staging.StepDone) || s.State == string(staging.StepFailed) {
				m.steps.WithLabelValues(s.Name, s.State).Observe(float64(s.DurationMS) / 1000)
			}
		}
		return
	}
}
