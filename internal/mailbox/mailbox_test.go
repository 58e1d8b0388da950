package mailbox_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offshoot/internal/mailbox"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const env = "env_aaaaaaaaaaaaaaaa"

// letter is a message as a program sends it: two texts, and two files.
const letter = "From: =?utf-8?q?M=C3=BCller?= <shop@example.com>\r\nTo: ada@example.com, \"Bob B.\" <bob@example.com>\r\nCc: cy@example.com\r\n" +
	"Reply-To: help@example.com\r\nSubject: =?utf-8?b?V2lsbGtvbW1lbiDDpA==?=\r\nDate: Sun, 29 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n" +
	"--inner\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n" +
	"--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Grüße</p>\r\n--inner--\r\n" +
	"--outer\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=\"../a.csv\"\r\n\r\na,b\r\n" +
	"--outer\r\nContent-Type: image/png\r\nContent-Id: <logo@x>\r\nContent-Disposition: inline; filename=logo.png\r\nContent-Transfer-Encoding: base64\r\n\r\naGFsbG8=\r\n--outer--\r\n"

// post is a catcher with its boxes.
type post struct {
	*testing.T
	boxes   *mailbox.Boxes
	catcher *mailbox.Catcher
	dir     string
	address string
	mu      sync.Mutex
	told    []int
	scarce  string
	now     time.Time
	log     bytes.Buffer
}

func (p *post) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *post) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *post) get(s *string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *s
}

func open(t *testing.T, limits mailbox.Limits) *post {
	p := &post{T: t, dir: filepath.Join(t.TempDir(), "mail", "box"), now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
	p.boxes = mailbox.New(func(string) (string, error) { return p.dir, nil }, limits, p.clock)
	p.catcher = mailbox.NewCatcher(p.boxes, mailbox.CatcherConfig{Log: slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: p.clock,
		Scarce: func() string { return p.get(&p.scarce) }, Caught: func(_ wire.Mail, n int) { p.set(func() { p.told = append(p.told, n) }) }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	_ = l.Close()
	if err := p.catcher.Open(env, p.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.catcher.Stop)
	return p
}

func (p *post) send(to []string, text string) {
	p.Helper()
	if err := smtp.SendMail(p.address, nil, "bounce@example.com", to, []byte(text)); err != nil {
		p.Fatal(err)
	}
}

func (p *post) list() []wire.Mail {
	p.Helper()
	list, err := p.boxes.List(env)
	if err != nil {
		p.Fatal(err)
	}
	return list
}

func TestAMessageIsKeptAsItWasSent(t *testing.T) {
	p := open(t, mailbox.Usual())
	p.send([]string{"ada@example.com", "blind@example.com"}, letter)
	list := p.list()
	if len(list) != 1 {
		t.Fatalf("%d messages", len(list))
	}
	m := list[0]
	if m.Environment != env || m.From != "Müller <shop@example.com>" || m.Subject != "Willkommen ä" || !slices.Equal(m.To, []string{"ada@example.com", "Bob B. <bob@example.com>"}) ||
		!slices.Equal(m.CC, []string{"cy@example.com"}) || !slices.Equal(m.ReplyTo, []string{"help@example.com"}) || m.Sender != "bounce@example.com" ||
		!slices.Equal(m.Recipients, []string{"ada@example.com", "blind@example.com"}) || m.Date == nil || m.Date.Hour() != 9 || m.SizeBytes != int64(len(letter)) || !m.ReceivedAt.Equal(p.now) {
		t.Errorf("%+v", m)
	}
	want := []wire.MailAttachment{{N: 1, Name: "../a.csv", Type: "text/csv", SizeBytes: 3}, {N: 2, Name: "logo.png", Type: "image/png", SizeBytes: 5, ContentID: "logo@x"}}
	if !slices.Equal(m.Attachments, want) {
		t.Errorf("attachments %+v", m.Attachments)
	}
	x, err := p.boxes.Read(env, m.ID)
	if err != nil || x.Text != "Grüße" || x.HTML != "<p>Grüße</p>" || x.Truncated || x.ID != m.ID || len(x.Headers) != 8 || x.Headers[4] != (wire.MailHeader{Name: "Subject", Value: "Willkommen ä"}) {
		t.Errorf("%+v, %v", x, err)
	}
	raw, err := p.boxes.Raw(env, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(raw)
	_ = raw.Close()
	if string(text) != letter {
		t.Errorf("raw:\n%s", text)
	}
	var file bytes.Buffer
	if err := p.boxes.Attachment(env, m.ID, 2, func(a wire.MailAttachment) io.Writer { return &file }); err != nil || file.String() != "hallo" {
		t.Errorf("%q, %v", file.String(), err)
	}
	for _, e := range []error{
		p.boxes.Attachment(env, m.ID, 3, nil), p.boxes.Remove(env, "msg_0000000000000000"), p.boxes.Remove(env, "../x"), p.boxes.Remove("../x", m.ID),
	} {
		if staging.CodeOf(e) != staging.CodeNotFound {
			t.Errorf("%v", e)
		}
	}
	if err := p.boxes.Remove(env, m.ID); err != nil || len(p.list()) != 0 {
		t.Errorf("%v, %d are left", err, len(p.list()))
	}
	if n, err := p.boxes.Clear(env); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if files, _ := os.ReadDir(p.dir); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

func TestAnySenderIsWelcome(t *testing.T) {
	p := open(t, mailbox.Usual())
	for i, talk := range [][]string{
		{"EHLO x", "AUTH PLAIN AHVzZXIAcGFzcw=="}, {"EHLO x", "AUTH PLAIN", "AHVzZXIAcGFzcw=="}, {"EHLO x", "AUTH LOGIN", "dXNlcg==", "cGFzcw=="}, {"EHLO x", "AUTH LOGIN dXNlcg==", "cGFzcw=="},
		{"EHLO x", "AUTH CRAM-MD5", "dXNlciBhYmM="}, {"HELO x"}, {"EHLO [127.0.0.1]"},
	} {
		from := []string{"MAIL FROM:<>", "MAIL FROM:<a@b> BODY=8BITMIME SIZE=10", "MAIL FROM:<ä@ö.example> SMTPUTF8"}[i%3]
		if talk[0] == "HELO x" {
			from = "MAIL FROM:<a@b>"
		}
		said := p.talk(append(talk, from, "RCPT TO:<c@d>", "DATA", "Subject: "+fmt.Sprint(i)+"\r\n\r\n"+strings.Repeat("ü", 3000)+"\r\n..dot\r\n.", "QUIT")...)
		if !strings.Contains(said, "250 2.0.0 OK") || strings.Contains(said, "STARTTLS") || strings.Contains(said, "\n5") {
			t.Errorf("%v:\n%s", talk, said)
		}
	}
	list := p.list()
	if len(list) != 7 || list[0].Subject != "6" || list[6].Subject != "0" {
		t.Errorf("%+v", list)
	}
	if x, err := p.boxes.Read(env, list[0].ID); err != nil || x.Text != strings.Repeat("ü", 3000)+"\r\n.dot\r\n" {
		t.Errorf("%q, %v", x.Text, err)
	}
}

// talk says lines and answers all that is answered.
func (p *post) talk(lines ...string) string {
	p.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	said := make(chan string)
	go func() {
		text, _ := io.ReadAll(conn)
		said <- string(text)
	}()
	_, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n")
	_ = conn.(*net.TCPConn).CloseWrite()
	return <-said
}

func TestTheOldestGo(t *testing.T) {
	p := open(t, mailbox.Limits{Message: 1000, Total: 1500, Count: 5})
	for i := range 8 {
		p.send([]string{"a@b"}, fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
	}
	if list := p.list(); len(list) != 5 || list[0].Subject != "7" || list[4].Subject != "3" {
		t.Errorf("by number: %+v", list)
	}
	for i := range 2 {
		p.send([]string{"a@b"}, fmt.Sprintf("Subject: large %d\r\n\r\n%s\r\n", i, strings.Repeat("x", 900)))
	}
	if list := p.list(); len(list) != 1 || list[0].Subject != "large 1" {
		t.Errorf("by size: %+v", list)
	}
	if files, _ := os.ReadDir(p.dir); len(files) != 2 {
		t.Errorf("left: %v", files)
	}
}

func TestWhatIsTooMuchIsRefused(t *testing.T) {
	p := open(t, mailbox.Limits{Message: 1000, Total: 5000, Count: 5})
	begin := []string{"EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"}
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"a message":      {append(slices.Clone(begin), strings.Repeat("x", 2000)+"\r\n."), "\n552 "},
		"its size":       {[]string{"EHLO x", "MAIL FROM:<a@b> SIZE=2000"}, "\n552 "},
		"a sender":       {[]string{"EHLO x", "MAIL FROM:<" + strings.Repeat("a", 600) + "@b>"}, "\n553 "},
		"a recipient":    {[]string{"EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<" + strings.Repeat("a", 600) + "@b>"}, "\n553 "},
		"a line":         {[]string{"EHLO x", strings.Repeat("x", 300<<10)}, "500 "},
		"half a message": {append(slices.Clone(begin), "Subject: half"), "354 "},
		"no recipient":   {[]string{"EHLO x", "MAIL FROM:<a@b>", "DATA"}, "\n502 "},
	} {
		if said := p.talk(c.lines...); !strings.Contains(said, c.want) {
			t.Errorf("%s:\n%s", name, said)
		}
	}
	p.set(func() { p.scarce = "the disk is full" })
	if said := p.talk(append(begin, "x\r\n.")...); !strings.Contains(said, "452 4.3.1") {
		t.Errorf("no room:\n%s", said)
	}
	if len(p.list()) != 0 {
		t.Errorf("kept: %+v", p.list())
	}
	p.catcher.Stop()
	if files, _ := os.ReadDir(p.dir); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

func TestOneEnvironmentHasOnlySoManyClients(t *testing.T) {
	p := open(t, mailbox.Usual())
	var all []net.Conn
	greeted := func() string {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
		b := make([]byte, 3)
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.ReadFull(conn, b)
		return string(b)
	}
	for i := range 32 {
		if code := greeted(); code != "220" {
			t.Fatalf("client %d: %s", i, code)
		}
	}
	if code := greeted(); code != "421" {
		t.Errorf("one too many: %s", code)
	}
	if err := p.catcher.Close(env); err != nil || p.catcher.IsOpen(env) {
		t.Error(err)
	}
	if err := p.catcher.Open(env, p.address); err != nil {
		t.Fatal(err)
	}
	if code := greeted(); code != "220" {
		t.Errorf("after it was opened again: %s", code)
	}
	for _, c := range all {
		_ = c.Close()
	}
}

func TestWhatWasLeftHalfIsTakenAway(t *testing.T) {
	p := open(t, mailbox.Usual())
	p.send([]string{"a@b"}, "Subject: whole\r\n\r\n")
	_ = p.catcher.Close(env)
	for _, name := range []string{".receiving-1", "msg_ffffffffffffffff.eml"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.dir, "msg_eeeeeeeeeeeeeeee.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.catcher.Open(env, p.address); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(p.dir); len(files) != 3 {
		t.Errorf("left: %v", files)
	}
	if list := p.list(); len(list) != 1 || list[0].Subject != "whole" {
		t.Errorf("%+v", list)
	}
	if _, err := p.boxes.Read(env, "msg_eeeeeeeeeeeeeeee"); staging.CodeOf(err) != staging.CodeNotFound {
		t.Error(err)
	}
}

func TestItIsSaidOnceInAWhile(t *testing.T) {
	p := open(t, mailbox.Usual())
	for range 3 {
		p.send([]string{"a@b"}, "\r\n")
	}
	p.set(func() { p.now = p.now.Add(time.Minute) })
	p.send([]string{"a@b"}, "\r\n")
	p.set(func() {
		if !slices.Equal(p.told, []int{1, 3}) {
			t.Errorf("told %v", p.told)
		}
	})
}

func TestHeadersAreLinesOfText(t *testing.T) {
	p := open(t, mailbox.Usual())
	p.send([]string{"a@b"}, "From: =?utf-8?q?=1B[2Jx?= <a@b>\r\nTo: not <an address\r\nSubject: =?utf-8?q?a=0D=0AX:_y=1B]0;t=07=E2=80=AEz?=\r\nDate: yesterday\r\nContent-Type: nonsense; =\r\n"+
		"X-Long: "+strings.Repeat("x", 20000)+"\r\n\r\nhi\r\n")
	m := p.list()[0]
	if m.Subject != "a X: y ]0;t z" || m.From != "[2Jx <a@b>" || len(m.To) != 1 || m.To[0] != "not <an address" || m.Date != nil {
		t.Errorf("%q %q %q", m.Subject, m.From, m.To)
	}
	if x, err := p.boxes.Read(env, m.ID); err != nil || strings.TrimSpace(x.Text) != "hi" || len(x.Headers[5].Value) > 10000 {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestATreeWithoutEndIsRead(t *testing.T) {
	var deep strings.Builder
	for i := range 500 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 5000) + "--b--\r\n"
	long := "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", 2<<20) + "\r\n"
	p := open(t, mailbox.Usual())
	for name, text := range map[string]string{"deep": deep.String(), "wide": wide, "long": long, "header": strings.Repeat("A: b\r\n", 100000) + "\r\n"} {
		m, err := p.boxes.Keep(env, mailbox.Envelope{}, strings.NewReader(text))
		if err != nil || len(m.Attachments) > 300 {
			t.Errorf("%s: %d, %v", name, len(m.Attachments), err)
		}
		if x, err := p.boxes.Read(env, m.ID); err != nil || !x.Truncated || len(x.Text) > 1<<20 {
			t.Errorf("%s: %v, %v", name, x.Truncated, err)
		}
	}
}
