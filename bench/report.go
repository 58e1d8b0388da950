package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is one row: what was measured, over how many runs, and what it is to
// stay under.
type figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Runs   int     `json:"runs"`
	// Bound is 0 where there is none; AtLeast is whether more is better.
	Bound   float64 `json:"bound,omitempty"`
	AtLeast bool    `json:"at_least,omitempty"`
	// Peer is the median of the same done otherwise in the same run, 0 for none.
	Peer     float64 `json:"peer,omitempty"`
	PeerName string  `json:"peer_name,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"`
}

type report struct {
	At      time.Time `json:"at"`
	Cores   int       `json:"cores"`
	Load    string    `json:"load_before"`
	Pool    string    `json:"pool"`
	Figures []figure  `json:"figures"`
}

func newReport(h *host) *report {
	load, _ := os.ReadFile("/proc/loadavg") // only shown
	return &report{At: time.Now().UTC(), Cores: runtime.NumCPU(), Load: string(load[:max(0, len(load)-1)]), Pool: h.pool}
}

// add adds a row and answers it, for a bound or a peer to be set.
func (r *report) add(name, unit string, values []float64) *figure {
	sorted := slices.Sorted(slices.Values(values))
	r.Figures = append(r.Figures, figure{Name: name, Unit: unit, Median: median(values), Min: sorted[0], Max: sorted[len(sorted)-1], Runs: len(sorted)})
	return &r.Figures[len(r.Figures)-1]
}

func (f *figure) under(bound float64) *figure {
	f.Bound = bound
	return f
}

func (f *figure) against(name string, values []float64) *figure {
	f.PeerName, f.Peer = name, median(values)
	if f.Peer > 0 {
		f.Ratio = f.Median / f.Peer
	}
	return f
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *report) write(w io.Writer, path string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "what\tmedian\tmin\tmax\tunit\tbound\t\tpeer\tratio")
	for _, f := range r.Figures {
		bound, verdict, peer := "", "", ""
		if f.Bound != 0 {
			sign, met := "<", f.Median < f.Bound
			if f.AtLeast {
				sign, met = ">=", f.Median >= f.Bound
			}
			bound, verdict = fmt.Sprintf("%s %.4g", sign, f.Bound), "ok"
			if !met {
				verdict = "over"
			}
		}
		if f.PeerName != "" {
			peer = fmt.Sprintf("%s: %.1f\t%.3f", f.PeerName, f.Peer, f.Ratio)
		}
		_, _ = fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\n", f.Name, f.Median, f.Min, f.Max, f.Unit, bound, verdict, peer)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
