package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// nothingLeft sees that no environment has anything on the host: no folder, no
// process that holds one, no mount and no claim.
func nothingLeft(ts *testscript.TestScript, neg bool, args []string) {
	data := ts.Getenv("OFFSHOOT_DATA_DIR")
	entries, err := os.ReadDir(filepath.Join(data, "env"))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s is left", e.Name())
	}
	held, err := filepath.Glob("/proc/[0-9]*/fd/*")
	ts.Check(err)
	for _, fd := range held {
		target, _ := os.Readlink(fd) // gone by now, or another user's
		if strings.HasPrefix(target, filepath.Join(data, "env")+"/") {
			program, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(fd)), "cmdline"))
			ts.Fatalf("process %q holds %s", program, target)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	ts.Check(err)
	if strings.Contains(string(mounts), filepath.Join(data, "env")+"/") {
		ts.Fatalf("a mount is left:\n%s", mounts)
	}
	nothingIsRemembered(ts)
	nothingOnEngine(ts)
	claims, err := filepath.Glob("/run/offshoot/*-*")
	ts.Check(err)
	for _, claim := range claims {
		if holder, err := os.ReadFile(claim); err == nil && strings.HasPrefix(string(holder), data+"/") {
			ts.Fatalf("%s is left, for %s", claim, holder)
		}
	}
}

// nothingIsRemembered sees that no environment that ever was has a row, a cgroup
// or a process in one.
func nothingIsRemembered(ts *testscript.TestScript) {
	var list struct{ Items []struct{ ID, Phase string } }
	ts.Check(asked(ts, "/api/v1/environments?all=true&limit=100", &list))
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	ts.Check(err)
	for _, e := range list.Items {
		if e.Phase != "destroyed" {
			ts.Fatalf("%s is %s", e.ID, e.Phase)
		}
		for _, file := range groups {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), e.ID) {
				continue
			}
			stat, err := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
			if _, rest, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X") {
				ts.Fatalf("a process is left in a group of %s: %s", e.ID, stat)
			}
		}
		for _, pattern := range []string{"/sys/fs/cgroup/*/offshoot/" + e.ID, "/sys/fs/cgroup/offshoot/" + e.ID, "/sys/fs/cgroup/*/*/offshoot/" + e.ID, "/sys/fs/cgroup/*/*/*/offshoot/" + e.ID} {
			if left, _ := filepath.Glob(pattern); len(left) > 0 {
				ts.Fatalf("%s is left", left[0])
			}
		}
		var rows struct{ Items []struct{ Name string } }
		ts.Check(asked(ts, "/api/v1/environments/"+e.ID+"/resources", &rows))
		if len(rows.Items) > 0 {
			ts.Fatalf("the ledger still has %s", rows.Items[0].Name)
		}
	}
}

// asked asks the server's API as its administrator.
func asked(ts *testscript.TestScript, path string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.Getenv("OFFSHOOT_SERVER")+path, nil)
	if err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(ts.Getenv("OFFSHOOT_DATA_DIR"), "admin-token"))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
