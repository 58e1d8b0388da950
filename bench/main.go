// Command bench measures what a person waits for, through the built program,
// with real Postgres and Redis, beside a peer in the same run: the same done by
// hand with plain commands. It prints a table and writes it as JSON.
//
// It judges nothing: a bound is shown beside its figure, and the exit code says
// only whether everything could be measured. Run it on an idle machine, as root
// (for a reflink pool of its own).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit bounds the whole run.
const limit = 45 * time.Minute

func main() {
	binary := flag.String("binary", "bin/offshoot", "the program to measure")
	out := flag.String("json", "bench.json", "where the figures go")
	runs := flag.Int("runs", 5, "counted runs of each")
	only := flag.String("only", "", "measure these alone, of "+strings.Join(names(), ","))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, *binary, *out, *only, *runs)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// part measures some figures on a host of its own making.
type part struct {
	name string
	do   func(context.Context, *host, *report) error
}

func parts() []part {
	return []part{{"lifecycle", lifecycle}, {"pause", pause}, {"fleet", fleet}, {"edge", proxying}, {"containers", containers}, {"crowd", crowded}}
}

func names() []string {
	var list []string
	for _, p := range parts() {
		list = append(list, p.name)
	}
	return list
}

func run(ctx context.Context, binary, out, only string, runs int) error {
	h, err := newHost(ctx, binary, runs)
	if err != nil {
		return err
	}
	r := newReport(h)
	for _, p := range parts() {
		if only != "" && !slices.Contains(strings.Split(only, ","), p.name) {
			continue
		}
		h.say("measuring: %s", p.name)
		if err = p.do(ctx, h, r); err != nil {
			err = fmt.Errorf("%s: %w", p.name, err)
			break
		}
	}
	if err == nil {
		err = r.write(os.Stdout, out)
	}
	if closed := h.close(); err == nil {
		err = closed
	}
	return err
}
