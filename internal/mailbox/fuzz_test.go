package mailbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"offshoot/internal/mailbox"
	"offshoot/internal/wire"
)

// FuzzMessage: whatever is sent is kept, read and shown as text.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{letter, "", "\r\n", "a", "Subject: =?x?q?=FF?=\r\n\r\n\xff", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n", "Content-Transfer-Encoding: base64\r\n\r\n!!!",
		"Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-", "From: ,,,<>\r\nTo: a:b;c\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		b := mailbox.New(func(string) (string, error) { return dir, nil }, mailbox.Limits{Message: 1 << 20, Total: 4 << 20, Count: 2}, time.Now)
		m, err := b.Keep(env, mailbox.Envelope{Sender: string(text), Recipients: []string{string(text)}}, bytes.NewReader(text))
		if len(text) > 1<<20 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		list, err := b.List(env)
		if err != nil || len(list) != 1 {
			t.Fatal(len(list), err)
		}
		x, err := b.Read(env, m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append([]string{x.Subject, x.From, x.Sender}, append(x.To, x.Recipients...)...) {
			if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) || !utf8.ValidString(s) {
				t.Errorf("%q acts on what shows it", s)
			}
		}
		if _, err := json.Marshal(x); err != nil || !utf8.ValidString(x.Text) || !utf8.ValidString(x.HTML) {
			t.Error(err)
		}
		for _, a := range x.Attachments {
			var n int64
			if err := b.Attachment(env, m.ID, a.N, func(wire.MailAttachment) io.Writer { return count{&n} }); err == nil && n != a.SizeBytes {
				t.Errorf("%d bytes of %+v", n, a)
			}
		}
	})
}

type count struct{ n *int64 }

func (c count) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	return len(p), nil
}

// FuzzClient: whatever a client says, the catcher goes on, and keeps only what
// was said to be kept.
func FuzzClient(f *testing.F) {
	for _, s := range []string{"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3 LAST\r\nabc",
		"HELO\r\n", "EHLO x\r\nAUTH LOGIN\r\n\r\n\r\n", "EHLO x\r\nAUTH PLAIN =\r\n", "EHLO x\r\nSTARTTLS\r\n", "\x00\xff\r\n", "EHLO x\r\nBDAT 4294967295\r\n", "MAIL FROM:\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := open(t, mailbox.Limits{Message: 1 << 16, Total: 1 << 20, Count: 100})
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() {
			_, _ = conn.Write(text)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		said, _ := io.ReadAll(conn)
		_ = conn.Close()
		p.catcher.Stop()
		// A client that goes in the middle of a chunk lets the library stumble over
		// its own session, which it catches.
		if strings.Contains(p.log.String(), "internal/mailbox") {
			t.Fatal(p.log.String())
		}
		if kept := len(p.list()); kept > bytes.Count(said, []byte("250 2.0.0 OK")) {
			t.Errorf("%d messages kept of\n%s", kept, said)
		}
	})
}
