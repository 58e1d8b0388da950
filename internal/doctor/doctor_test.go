package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"offshoot/internal/datastore"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

type engines map[string][]datastore.Engine

func (e engines) List(_ context.Context, kind string) ([]datastore.Engine, error) {
	return e[kind], nil
}

func host(t *testing.T) Host {
	return Host{Dir: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", EdgeListen: "127.0.0.1:0", Domain: "localhost", Engines: engines{},
		Fetches:  func(context.Context, string) error { return nil },
		Platform: func() (platform.Traits, error) { return platform.Traits{Isolation: "namespaces"}, nil }}
}

func one(t *testing.T, checks []Check, name string) Check {
	t.Helper()
	for _, c := range checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("nothing is said of %s: %+v", name, checks)
	return Check{}
}

func TestWhatIsWrongHasARemedy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	folder := func(h Host, mode os.FileMode) {
		if err := os.Mkdir(h.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(h.Dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	missing := staging.Errorf(staging.ClassCode(staging.ClassData), "install pip", "no pip")
	for name, c := range map[string]struct {
		spoil func(h *Host)
		check string
		want  State
		says  string
	}{
		"an engine that is silent": {func(h *Host) {
			h.Docker = func(context.Context) (string, []string, error) {
				return "", nil, staging.Errorf(staging.CodeUnreachable, "start it", "it does not answer")
			}
		}, "docker", Fail, "it does not answer"},
		"an engine without limits": {func(h *Host) {
			h.Docker = func(context.Context) (string, []string, error) { return "20.10 here", []string{"no limits"}, nil }
		}, "docker", Warn, "20.10 here: no limits"},
		"folder not there yet":    {func(*Host) {}, "data folder", OK, "first start"},
		"folder closed":           {func(h *Host) { folder(*h, 0o711) }, "data folder", OK, ""},
		"folder open to others":   {func(h *Host) { folder(*h, 0o777) }, "data folder", Fail, "others may write"},
		"a file where the folder": {func(h *Host) { write(t, h.Dir, 0o600) }, "data folder", Fail, "no folder"},
		"key open to others":      {func(h *Host) { folder(*h, 0o711); write(t, filepath.Join(h.Dir, "master.key"), 0o644) }, "data folder", Fail, "master.key"},
		"port taken":              {func(h *Host) { h.Listen = taken.Addr().String() }, "API's port", Warn, "in use"},
		"port is the server's":    {func(h *Host) { h.Listen, h.Running = taken.Addr().String(), true }, "API's port", OK, "runs"},
		"no Postgres, fetched":    {func(*Host) {}, "postgres", OK, "fetched once"},
		"no Redis, no way":        {func(h *Host) { h.Fetches = func(context.Context, string) error { return missing } }, "redis", Warn, "no pip"},
		"a Redis":                 {func(h *Host) { h.Engines = engines{"redis": {{Version: "7.2.1", Bin: "/x"}}} }, "redis", OK, "7.2.1 in /x"},
		"platform that cannot": {func(h *Host) {
			h.Platform = func() (platform.Traits, error) { return platform.Traits{}, errors.New("no namespaces") }
		}, "process platform", Fail, "no namespaces"},
		"no right to fence": {func(h *Host) {
			h.Fence = func() error { return staging.Refused("run it as root", "no rules") }
		}, "fence", Warn, "no rules"},
		"name that leads nowhere": {func(h *Host) { h.Domain = "nowhere.invalid" }, "names", Fail, "nowhere.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			h := host(t)
			c.spoil(&h)
			got := one(t, h.Examine(t.Context()), c.check)
			if got.State != c.want || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v, want %s with %q", got, c.want, c.says)
			}
			if got.State != OK && got.Remedy == "" {
				t.Errorf("no remedy: %+v", got)
			}
		})
	}
}

func write(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
}

func TestWhereNamesLead(t *testing.T) {
	for _, c := range []struct{ address, own, want string }{
		{"127.0.0.1", "", "ok"},
		{"192.0.2.7", "192.0.2.7", "ok"},
		{"192.0.2.7", "192.0.2.8", "warn"},
	} {
		if got := one(t, led("staging.example.com", []string{c.address}, []string{c.own}), "names"); string(got.State) != c.want || !strings.Contains(got.Message, "*.staging.example.com leads to "+c.address) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	h := host(t)
	h.Domain = "offshoot.invalid" // RFC 6761: it never resolves
	if got := one(t, h.names(t.Context()), "names"); got.State != "fail" || !strings.Contains(got.Remedy, "wildcard") {
		t.Errorf("%+v", got)
	}
}
