package names_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"offshoot/internal/fence/names"
)

func TestListedNamesAreAnsweredOnceTheyAreLetThrough(t *testing.T) {
	var mu sync.Mutex
	var refused, found []string
	s, err := names.Listen(netip.MustParseAddr("127.0.0.1"), names.Config{
		Allowed: func(name string) bool { return strings.HasSuffix(name, "example.com") },
		Find: func(_ context.Context, name string) ([]netip.Addr, error) {
			switch name {
			case "none.example.com":
				return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
			case "late.example.com":
				return nil, errors.New("nobody answers")
			case "many.example.com":
				return slices.Repeat([]netip.Addr{netip.MustParseAddr("192.0.2.1")}, 500), nil
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("::ffff:192.0.2.8")}, nil
		},
		Found: func(name string, addresses []netip.Addr) error {
			mu.Lock()
			defer mu.Unlock()
			if found = append(found, name); name == "closed.example.com" {
				return errors.New("no")
			}
			return nil
		},
		Refused: func(name string) { mu.Lock(); defer mu.Unlock(); refused = append(refused, name) },
		Log:     slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.Port()))))
		}}
		ask := func(name string) ([]string, *net.DNSError) {
			addresses, err := r.LookupNetIP(t.Context(), "ip4", name+".")
			var list []string
			for _, a := range addresses {
				list = append(list, a.String())
			}
			var failed *net.DNSError
			errors.As(err, &failed)
			return list, failed
		}
		if got, err := ask("API.example.com"); err != nil || !slices.Equal(got, []string{"192.0.2.7", "192.0.2.8"}) {
			t.Errorf("%s: %v, %v", network, got, err)
		}
		if got, err := ask("many.example.com"); err != nil || len(got) == 0 {
			t.Errorf("%s: %v, %v", network, got, err)
		}
		for name, missing := range map[string]bool{"pay.example.org": true, "none.example.com": true, "late.example.com": false, "closed.example.com": false, "redis": true} {
			if got, err := ask(name); err == nil || err.IsNotFound != missing {
				t.Errorf("%s %s: %v, %v", network, name, got, err)
			}
		}
	}
	s.Close()
	if _, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(s.Port())))); err == nil {
		t.Error("it listens on")
	}
	slices.Sort(refused)
	if refused = slices.Compact(refused); !slices.Equal(refused, []string{"pay.example.org"}) {
		t.Errorf("refused: %v", refused)
	}
	if !slices.Contains(found, "api.example.com") || slices.Contains(found, "none.example.com") {
		t.Errorf("found: %v", found)
	}
}

// What is no question has no answer, and ends nothing.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07example\x03com\x00\x00\x01\x00\x01"))
	f.Add([]byte(""))
	s, err := names.Listen(netip.MustParseAddr("127.0.0.1"), names.Config{Allowed: func(string) bool { return true },
		Find:  func(context.Context, string) ([]netip.Addr, error) { return nil, nil },
		Found: func(string, []netip.Addr) error { return nil }, Refused: func(string) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, message []byte) { names.Answer(s, message) })
}
