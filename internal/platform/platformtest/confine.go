package platformtest

import (
	"offshoot/internal/platform"
)

// confine is what a driver's own tests show by connections; here that it holds over
// its scope's beginning, a new server and its scope's end.
func confine(f *fixture) {
	capability[platform.Confiner](f, "confine")
	to := func(out *platform.Outbound) {
		f.Helper()
		if err := f.Driver.(platform.Confiner).Confine(f.ctx, f.owner, out); err != nil {
			f.Fatal(err)
		}
	}
	to(nil)
	to(&platform.Outbound{Hosts: []string{"example.com:443"}})
	f.enter()
	f.again()
	to(&platform.Outbound{Hosts: []string{"example.com:443", "192.0.2.1"}})
	if list, err := f.Driver.(platform.Confiner).Blocked(f.ctx, f.owner); err != nil || len(list) > 0 {
		f.Errorf("before anything runs %v was blocked: %v", list, err)
	}
	to(nil)
	to(&platform.Outbound{})
	f.delete(scope(f.owner))
	to(nil)
	if left := f.names(f.owner); len(left) > 0 {
		f.Errorf("%v is left", left)
	}
}
