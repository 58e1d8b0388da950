package web_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// hostile is HTML of who would like to reach the person that looks at it.
const hostile = `<a style="display: block; height: 200px" href="http://confirm.example/x">Confirm</a><p>Your order <b>4711</b></p><img src="cid:logo@x" width="10" height="10">
<script>document.title = "run"; parent.document.title = "run"; fetch("https://evil.example/script")</script><img src="https://evil.example/pixel" onerror="document.title = 'run'">
<link rel="stylesheet" href="https://evil.example/style"><style>@import "https://evil.example/import"; p { background: url(https://evil.example/background) }</style>
<iframe src="https://evil.example/frame"></iframe><form action="https://evil.example/form"><button id="send">Send</button></form><meta http-equiv="refresh" content="0; url=https://evil.example/refresh"><base href="https://evil.example/">`

const picture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\b\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84\x00\x00\x00\x00IEND\xaeB`\x82"

// box is the mail of one environment.
type box struct {
	caught time.Time
	// evil is where whoever wrote a message listens.
	evil string
}

func (b box) message() wire.MailMessage {
	return wire.MailMessage{Mail: wire.Mail{ID: "msg_1", Environment: "env_a", ReceivedAt: b.caught, Sender: "bounce@shop.example", Recipients: []string{"ada@shop.example", "blind@shop.example"},
		From: `Shop <img src=x onerror="document.title='run'"> <shop@shop.example>`, To: []string{"ada@shop.example"}, CC: []string{}, ReplyTo: []string{}, Subject: "<script>document.title='run'</script> Welcome & more",
		SizeBytes: 2000, Attachments: []wire.MailAttachment{{N: 1, Name: "invoice <b>.pdf", Type: "application/pdf", SizeBytes: 3}, {N: 2, Name: "logo.png", Type: "image/png", SizeBytes: int64(len(picture)), ContentID: "logo@x"}}},
		Headers: []wire.MailHeader{{Name: "X-Evil", Value: "</code><script>document.title='run'</script>"}}, Text: "Welcome <b>as text</b>\n" + strings.Repeat("long_word_", 40), HTML: strings.ReplaceAll(hostile, "https://evil.example", b.evil)}
}

func (b box) Mails(_ context.Context, id string) ([]wire.Mail, error) {
	if id != "env_a" {
		return nil, nil
	}
	return []wire.Mail{b.message().Mail}, nil
}

func (b box) MailMessage(_ context.Context, id, message string) (wire.MailMessage, error) {
	if id != "env_a" || message != "msg_1" {
		return wire.MailMessage{}, staging.NotFound("", "there is no message %q", message)
	}
	return b.message(), nil
}

func (b box) RawMail(ctx context.Context, id, message string) (io.ReadCloser, error) {
	_, err := b.MailMessage(ctx, id, message)
	return io.NopCloser(strings.NewReader("<script>raw</script>")), err
}

func (b box) MailAttachment(ctx context.Context, id, message string, n int, begin func(wire.MailAttachment) io.Writer) error {
	m, err := b.MailMessage(ctx, id, message)
	if err != nil {
		return err
	}
	text := picture
	if n == 1 {
		text = "pdf"
	}
	_, err = io.WriteString(begin(m.Attachments[n-1]), text)
	return err
}

// TestMailInABrowser looks at a message whose sender means ill: what it says is
// shown, and nothing of it runs, is loaded or sent.
func TestMailInABrowser(t *testing.T) {
	ctx := browser(t)
	v, base := serve(t)
	var mu sync.Mutex
	var asked, ran []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventResponseReceived:
			asked = append(asked, e.Response.URL)
		case *runtime.EventExceptionThrown:
			ran = append(ran, e.ExceptionDetails.Error())
		}
	})
	shot := pictures(t, ctx)
	var list, page, title, within string
	var over, overList int64
	err := chromedp.Run(ctx, network.Enable(), chromedp.EmulateViewport(1280, 900), chromedp.Navigate(base+"/environments/env_a"), chromedp.WaitVisible("#token"), chromedp.SendKeys("#token", token+"\r"), chromedp.WaitVisible(".list"),
		chromedp.Navigate(base+"/environments/env_a"), chromedp.WaitVisible(".facts"), chromedp.Click(`a[href="/environments/env_a/mail"]`), chromedp.WaitVisible(".mails"), chromedp.Text("main", &list))
	if err != nil {
		t.Fatal(err)
	}
	shot("mail")
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(390, 900), chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &overList), chromedp.Click(".mails a"), chromedp.WaitVisible("iframe.letter"),
		chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &over)); err != nil {
		t.Fatal(err)
	}
	shot("message-390")
	// The frame is of another origin than the page that holds it.
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Text("main", &page), chromedp.Title(&title), chromedp.Evaluate(`String(document.querySelector("iframe").contentDocument)`, &within)); err != nil {
		t.Fatal(err)
	}
	shot("message")
	// A person follows a link of the message: it opens elsewhere.
	opened := chromedp.WaitNewTarget(ctx, func(i *target.Info) bool { return i.URL == "http://confirm.example/x" })
	var at []float64
	if err := chromedp.Run(ctx, chromedp.ScrollIntoView("iframe.letter"), chromedp.Evaluate(`(() => { const r = document.querySelector("iframe").getBoundingClientRect(); return [r.x + 30, r.y + 15]; })()`, &at)); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(time.Second) // the frame may not be drawn yet
	defer again.Stop()
	for led, tries := false, 0; !led; tries++ {
		if tries == 30 {
			t.Fatal("the message's link leads nowhere")
		}
		if err := chromedp.Run(ctx, chromedp.MouseClickXY(at[0], at[1])); err != nil {
			t.Fatal(err)
		}
		select {
		case <-opened:
			led = true
		case <-again.C:
		}
	}
	for _, want := range []string{"Welcome & more", "blind@shop.example", "2 files", `Shop <img src=x`} {
		if !strings.Contains(list, want) {
			t.Errorf("the list has no %q:\n%s", want, list)
		}
	}
	for _, want := range []string{"<script>document.title='run'</script> Welcome & more", "bounce@shop.example", "Welcome <b>as text</b>", "invoice <b>.pdf", "</code><script>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the message's page has no %q:\n%s", want, page)
		}
	}
	if within != "null" || over > 0 || overList > 0 || !strings.HasSuffix(title, "Welcome & more · Offshoot") {
		t.Errorf("the page sees %s in the frame, is wider by %d and %d, and is called %q", within, over, overList, title)
	}
	mu.Lock()
	defer mu.Unlock()
	seen := strings.Join(asked, "\n")
	if len(v.evil) > 0 || len(ran) > 0 {
		t.Errorf("asked a stranger for %d things, the first: %s; ran: %v", len(v.evil), <-v.evil, ran)
	}
	if !strings.Contains(seen, base+"/environments/env_a/mail/msg_1/html") {
		t.Errorf("the frame was not loaded:\n%s", seen)
	}
}

func TestFilesOfMailAreKeptNotShown(t *testing.T) {
	_, base := serve(t)
	get := func(path string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/environments/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		return resp, string(text)
	}
	for path, want := range map[string]string{"env_a/mail/msg_1/raw": "<script>raw</script>", "env_a/mail/msg_1/attachments/1": "pdf"} {
		resp, text := get(path)
		if text != want || resp.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment; filename=") {
			t.Errorf("%s: %v %q", path, resp.Header, text)
		}
	}
	resp, text := get("env_a/mail/msg_1/html")
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "sandbox allow-popups allow-popups-to-escape-sandbox") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "allow-scripts") ||
		strings.Contains(policy, "allow-same-origin") || strings.Contains(text, "cid:") || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s\n%s", policy, text)
	}
	for _, path := range []string{"env_a/mail/msg_2", "env_a/mail/msg_2/html", "env_a/mail/msg_2/raw", "env_a/mail/msg_2/attachments/1", "env_x/mail"} {
		if resp, _ := get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, text := get("env_b/mail"); resp.StatusCode != http.StatusOK || !strings.Contains(text, "No mail yet") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
