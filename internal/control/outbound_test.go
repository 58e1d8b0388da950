package control

import "testing"

func TestWhatMayBeListed(t *testing.T) {
	for entry, want := range map[string]bool{
		"example.com": true, "*.example.com": true, "*.example.com:443": true, "example.com:25": true, "192.0.2.7": true, "192.0.2.7:5432": true, "localhost": true,
		"": false, "*": false, "https://example.com": false, "example.com/x": false, "[2001:db8::1]:80": false, "2001:db8::1": false, "192.0.2.999": false,
		"10.0.0.0/8": false, "a.*.example.com": false, "example.com:443:1": false,
	} {
		if got := isOutbound(entry); got != want {
			t.Errorf("%q: %v", entry, got)
		}
	}
}
