package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"offshoot/internal/apiclient"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// TestASnapshotIsWaitedForOverALostConnection holds that a server which is
// started anew meanwhile ends nobody's waiting.
func TestASnapshotIsWaitedForOverALostConnection(t *testing.T) {
	var asked, looked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 3 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/events") {
			_ = json.NewEncoder(w).Encode(wire.List[staging.Event]{Items: []staging.Event{}})
			return
		}
		state := staging.SnapshotVerifying
		if looked.Add(1) > 1 {
			state = staging.SnapshotReady
		}
		_ = json.NewEncoder(w).Encode(wire.Snapshot{ID: "snap_a", Source: "env_a", State: string(state)})
	}))
	defer server.Close()
	s := &stdio{err: io.Discard, out: io.Discard, quiet: true}
	s.wait.timeout = time.Minute
	v, err := s.taken(t.Context(), &apiclient.Client{Base: server.URL, HTTP: server.Client()}, wire.Snapshot{ID: "snap_a", Source: "env_a", State: string(staging.SnapshotTaking)})
	if err != nil || v.State != string(staging.SnapshotReady) {
		t.Errorf("%+v, %v", v, err)
	}
}
