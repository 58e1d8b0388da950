package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killAt kills the server, with SIGKILL, as soon as a branch's deployment has
// come to a step: kill-at BRANCH STEP.
func killAt(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value(key{}).(*running)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	token, err := os.ReadFile(filepath.Join(ts.Getenv("OFFSHOOT_DATA_DIR"), "admin-token"))
	ts.Check(err)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for reached := false; !reached; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s never came to %s", args[0], args[1])
		}
		reached, err = at(ctx, ts.Getenv("OFFSHOOT_SERVER"), strings.TrimSpace(string(token)), args[0], args[1])
		ts.Check(err)
	}
	ts.Check(r.cmd.Process.Signal(syscall.SIGKILL))
	<-r.done
	r.cmd = nil
}

// at is whether a branch's newest deployment has begun a step, or ended.
func at(ctx context.Context, server, token, branch, step string) (bool, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v1/projects/shop/environments", nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct {
		Items []struct {
			Branch     string
			Deployment struct {
				Outcome string
				Steps   []struct{ Name, State string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return false, fmt.Errorf("list environments: %s: %w", resp.Status, err)
	}
	for _, e := range list.Items {
		if e.Branch != branch {
			continue
		}
		for _, s := range e.Deployment.Steps {
			if s.Name == step && !slices.Contains([]string{"pending", "skipped"}, s.State) {
				return true, nil
			}
		}
		return e.Deployment.Outcome != "running" && e.Deployment.Outcome != "", nil
	}
	return false, nil
}
