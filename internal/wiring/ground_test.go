package wiring

import (
	"slices"
	"testing"
)

func TestPortsOfWhatSpeaksTLSBeforeTheEdge(t *testing.T) {
	for pattern, want := range map[string][]uint16{"": nil, "http://{host}:8080": nil, "https://{host}": {443}, "https://{host}:8443": {8443}, "https://{host}:x": nil} {
		if got := behindTLS(pattern); !slices.Equal(got, want) {
			t.Errorf("%q: %v, not %v", pattern, got, want)
		}
	}
}
