package control

import "testing"

// TestAHostIsAllowedAsItIsNamed holds that the host which a refusal names can
// be given back to --allow-host.
func TestAHostIsAllowedAsItIsNamed(t *testing.T) {
	for entry, want := range map[string]bool{
		"db.example.com": true, "db.example.com:5432": true, "*.example.com": true, "10.0.0.1": true, "10.0.0.1:5432": true,
		"2001:db8::1": true, "::1": true, "[2001:db8::1]": true, "[2001:db8::1]:5432": true,
		"": false, "a b": false, "https://db.example.com": false, "u@db": false, "db:port": false, "[::1": false,
	} {
		if got := isHost(entry); got != want {
			t.Errorf("%q: %t", entry, got)
		}
	}
}
