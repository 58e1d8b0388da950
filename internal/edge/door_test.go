package edge_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"offshoot/internal/edge"
	"offshoot/internal/staging"
)

// doors are links whose names lead where the map says.
func doors(t *testing.T, e *edge.Edge, to map[string]edge.LinkTarget) *edge.Links {
	find := func(_ context.Context, link string) (edge.LinkTarget, error) {
		if target, ok := to[link]; ok {
			return target, nil
		}
		return edge.LinkTarget{Reason: "the stack has no such link"}, nil
	}
	l := edge.NewLinks(e, edge.NewCrowd(0), find, slog.New(slog.DiscardHandler))
	t.Cleanup(l.Stop)
	return l
}

// fetch asks an address for a host.
func fetch(t *testing.T, address, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// vacant is an address where nobody listens now.
func vacant(t *testing.T) (address string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := l.Addr().(*net.TCPAddr)
	return at.String(), at.Port
}

func TestADoorLeadsToItsEnvironmentsOwnHostsAndLinksOnly(t *testing.T) {
	e := made(t, nil)
	e.Put(route(saying(t, "itself")))
	e.Put(edge.Route{Environment: "env_b", Phase: staging.PhaseReady, Hosts: map[string]edge.Target{"b.shop.localhost": {Service: "web", Upstreams: []string{saying(t, "another")}}}})
	l := doors(t, e, map[string]edge.LinkTarget{"env_a/link/other": {Host: "b.shop.localhost"}, "env_b/link/mine": {Host: host}})
	address, _ := vacant(t)
	_, further := vacant(t)
	_, taken, _ := net.SplitHostPort(saying(t, "somebody else"))
	somebody, _ := strconv.Atoi(taken)
	if err := l.OpenDoor("env_a/door/0", address, further, somebody); err != nil {
		t.Fatal(err)
	}
	if !l.IsOpen("env_a/door/0") {
		t.Error("it is not open")
	}
	for _, at := range []string{address, net.JoinHostPort("127.0.0.1", strconv.Itoa(further))} {
		for asked, want := range map[string]string{host: "itself", strings.ToUpper(host) + ":8080": "itself", "other": "another",
			"b.shop.localhost": "no such link", "mine": "no such link", "elsewhere": "no such link"} {
			if _, got := fetch(t, at, asked); !strings.Contains(got, want) {
				t.Errorf("%s at %s says %q, not %q", asked, at, got, want)
			}
		}
	}
	if seen := e.Activity(); seen["env_b"].IsZero() || !seen["env_a"].IsZero() {
		t.Errorf("active: %v: what an environment asks of itself is no activity, what it asks of another is", seen)
	}
	if err := l.Close("env_a/door/0"); err != nil || l.IsOpen("env_a/door/0") {
		t.Errorf("closed: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it listens on")
	}
}
