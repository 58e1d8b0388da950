package api_test

import (
	"strings"
	"testing"
)

// TestFilesOfMailAreNeverShown holds that what strangers wrote is kept as a
// file by whoever asks for it, under a name that is no header.
func TestFilesOfMailAreNeverShown(t *testing.T) {
	s := serve(t, newFake(), nil)
	mail := s.URL + "/api/v1/environments/env_a/mail"
	for path, want := range map[string]string{"/msg_1/raw": "<script>raw</script>", "/msg_1/attachments/1": "<script>file</script>"} {
		a := ask(t, "GET", mail+path, admin, "")
		disposition := a.header.Get("Content-Disposition")
		if a.status != 200 || a.body != want || a.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(disposition, "attachment") ||
			a.header.Get("X") != "" || a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %v %q", path, a.status, a.header, a.body)
		}
	}
	for _, path := range []string{"/msg_2", "/msg_2/raw", "/msg_2/attachments/1"} {
		if a := ask(t, "GET", mail+path, admin, ""); a.status != 409 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := ask(t, "GET", mail+"?limit=2", admin, ""); !strings.Contains(a.body, `"next_cursor":"msg_2"`) {
		t.Errorf("a page: %s", a.body)
	}
	if a := ask(t, "GET", mail+"?cursor=msg_2", admin, ""); !strings.Contains(a.body, "msg_1") || strings.Contains(a.body, "msg_3") {
		t.Errorf("the next: %s", a.body)
	}
}
