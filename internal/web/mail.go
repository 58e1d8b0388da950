package web

import (
	"context"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"offshoot/internal/wire"
)

// Mail is what environments sent.
type Mail interface {
	Mails(ctx context.Context, id string) ([]wire.Mail, error)
	MailMessage(ctx context.Context, id, message string) (wire.MailMessage, error)
	RawMail(ctx context.Context, id, message string) (io.ReadCloser, error)
	MailAttachment(ctx context.Context, id, message string, n int, begin func(wire.MailAttachment) io.Writer) error
}

// posted is what the pages of mail show: all messages of an environment, or one.
type posted struct {
	Environment wire.Environment
	Items       []wire.Mail
	Message     *wire.MailMessage
}

func (p *Page) mails(w http.ResponseWriter, r *http.Request) {
	e, err := p.c.Views.Environment(r.Context(), r.PathValue("id"))
	if err == nil {
		var items []wire.Mail
		if items, err = p.c.Mail.Mails(r.Context(), e.ID); err == nil {
			p.render(w, r, http.StatusOK, "mail.html", frame{Title: "Mail of " + e.Branch, Live: true, Body: posted{Environment: e, Items: items}})
			return
		}
	}
	p.Problem(w, r, problemOf(err))
}

func (p *Page) message(w http.ResponseWriter, r *http.Request) {
	e, err := p.c.Views.Environment(r.Context(), r.PathValue("id"))
	if err == nil {
		var m wire.MailMessage
		if m, err = p.c.Mail.MailMessage(r.Context(), e.ID, r.PathValue("message")); err == nil {
			p.render(w, r, http.StatusOK, "message.html", frame{Title: m.Subject, Frames: m.HTML != "", Body: posted{Environment: e, Message: &m}})
			return
		}
	}
	p.Problem(w, r, problemOf(err))
}

// letterPolicy is what the HTML of a message may do, whoever wrote it: be shown,
// with its own style and the pictures that it carries, and lead to a new window
// when a person follows a link. Nothing is loaded, run or sent.
const letterPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; " +
	"sandbox allow-popups allow-popups-to-escape-sandbox"

// messageHTML is a message's HTML alone, for the frame that shows it. Where it
// leads to opens elsewhere: the frame may not go there.
func (p *Page) messageHTML(w http.ResponseWriter, r *http.Request) {
	m, err := p.c.Mail.MailMessage(r.Context(), r.PathValue("id"), r.PathValue("message"))
	if err != nil {
		p.Problem(w, r, problemOf(err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", letterPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-Robots-Tag", "noindex")
	_, _ = io.WriteString(w, `<base target="_blank">`+p.pictured(r.Context(), m))
}

// The pictures that a message carries and that are shown in it, by number and
// bytes.
const (
	mostPictures = 16
	pictureBytes = 1 << 20
)

// pictured is a message's HTML with the pictures that it carries in it.
func (p *Page) pictured(ctx context.Context, m wire.MailMessage) string {
	html, left := m.HTML, mostPictures
	for _, a := range m.Attachments {
		at := "cid:" + a.ContentID
		if a.ContentID == "" || left == 0 || a.SizeBytes > pictureBytes || !strings.HasPrefix(a.Type, "image/") || !strings.Contains(html, at) {
			continue
		}
		left--
		var b strings.Builder
		err := p.c.Mail.MailAttachment(ctx, m.Environment, m.ID, a.N, func(wire.MailAttachment) io.Writer { return &b })
		if kind, _, bad := mime.ParseMediaType(a.Type); err == nil && bad == nil {
			html = strings.ReplaceAll(html, at, "data:"+kind+";base64,"+base64.StdEncoding.EncodeToString([]byte(b.String())))
		}
	}
	return html
}

func (p *Page) rawMail(w http.ResponseWriter, r *http.Request) {
	raw, err := p.c.Mail.RawMail(r.Context(), r.PathValue("id"), r.PathValue("message"))
	if err != nil {
		p.Problem(w, r, problemOf(err))
		return
	}
	defer func() { _ = raw.Close() }()
	_, _ = io.Copy(kept(w, r.PathValue("message")+".eml"), raw)
}

func (p *Page) attachment(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("n"))
	begun := false
	err := p.c.Mail.MailAttachment(r.Context(), r.PathValue("id"), r.PathValue("message"), n, func(a wire.MailAttachment) io.Writer {
		begun = true
		return kept(w, a.Name)
	})
	if err != nil && !begun {
		p.Problem(w, r, problemOf(err))
	}
}

// kept answers what a browser keeps as a file and never shows.
func kept(w http.ResponseWriter, name string) io.Writer {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	return w
}
