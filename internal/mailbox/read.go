package mailbox

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"strings"
	"unicode"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // the character sets of old mail
	"github.com/emersion/go-message/mail"

	"offshoot/internal/wire"
)

// What is read of a message, whatever its sender made of it.
const (
	// shownBytes is how much of a text is shown.
	shownBytes = 1 << 20
	// deepest and mostParts bound the tree of its parts: what is deeper is one
	// attachment, what comes after is not read.
	deepest   = 8
	mostParts = 256
	// headerBytes bounds its header; fieldBytes what is read of one field, and
	// mostFields, mostNames what is shown.
	headerBytes = 256 << 10
	fieldBytes  = 8 << 10
	mostFields  = 200
	mostNames   = 100
)

// reading is one way through a message.
type reading struct {
	header      mail.Header
	text, html  limited
	attachments []wire.MailAttachment
	parts       int
	truncated   bool
	// want is the attachment that goes to out.
	want   int
	out    io.Writer
	failed error
}

// limited keeps the beginning of a text.
type limited struct {
	bytes.Buffer
	taken bool
}

func (l *limited) String() string { return strings.ToValidUTF8(l.Buffer.String(), "\uFFFD") }

// read goes through a message, however it is made: what cannot be read of it is
// left out. The attachment numbered want is written to out.
func read(raw io.Reader, want int, out io.Writer) *reading {
	x := &reading{want: want, out: out}
	e, err := message.ReadWithOptions(raw, &message.ReadOptions{MaxHeaderBytes: headerBytes})
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		x.truncated = true
		return x
	}
	x.header = mail.Header{Header: e.Header}
	x.entity(e, 0)
	return x
}

// entity reads a part, and those in it.
func (x *reading) entity(e *message.Entity, depth int) {
	x.parts++
	kind, params, err := e.Header.ContentType()
	if err != nil || kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" && depth < deepest {
		parts := multipart.NewReader(e.Body, params["boundary"])
		for x.parts < mostParts && x.failed == nil {
			p, err := parts.NextRawPart()
			if err != nil {
				x.truncated = x.truncated || !errors.Is(err, io.EOF)
				return
			}
			inner, _ := message.New(message.HeaderFromMap(p.Header), p) // what it cannot decode stays as it is
			x.entity(inner, depth+1)
		}
		x.truncated = true
		return
	}
	x.leaf(e, kind)
}

func (x *reading) leaf(e *message.Entity, kind string) {
	attached := mail.AttachmentHeader{Header: e.Header}
	name, _ := attached.Filename()
	disposition, _, _ := e.Header.ContentDisposition()
	if to := map[string]*limited{"text/plain": &x.text, "text/html": &x.html}[kind]; to != nil && !to.taken && disposition != "attachment" && name == "" {
		to.taken = true
		_, err := io.Copy(to, io.LimitReader(e.Body, shownBytes))
		more, _ := io.Copy(io.Discard, e.Body)
		x.truncated = x.truncated || more > 0 || err != nil
		return
	}
	a := wire.MailAttachment{N: len(x.attachments) + 1, Name: tidy(name), Type: tidy(kind), ContentID: tidy(strings.Trim(e.Header.Get("Content-Id"), "<> "))}
	out := io.Discard
	if a.N == x.want {
		out = x.out
	}
	var err error
	if a.SizeBytes, err = io.Copy(out, e.Body); err != nil {
		x.truncated = true
		if a.N == x.want {
			x.failed = err
		}
	}
	x.attachments = append(x.attachments, a)
}

// describe is what a message says of itself.
func (x *reading) describe(m *wire.Mail) {
	m.Subject = tidy(x.decoded("Subject"))
	m.To, m.CC, m.ReplyTo = x.names("To"), x.names("Cc"), x.names("Reply-To")
	m.From = strings.Join(x.names("From"), ", ")
	if at, err := x.header.Date(); err == nil && !at.IsZero() && at.Year() > 0 && at.Year() < 10000 {
		at = at.UTC()
		m.Date = &at
	}
	if m.Attachments = x.attachments; m.Attachments == nil {
		m.Attachments = []wire.MailAttachment{}
	}
}

func (x *reading) decoded(key string) string {
	raw := x.header.Get(key)
	if len(raw) > fieldBytes {
		return raw[:fieldBytes]
	}
	if text, err := x.header.Text(key); err == nil {
		return text
	}
	return raw
}

// names are the addresses of a field, as people read them.
func (x *reading) names(key string) []string {
	list := []string{}
	raw := x.header.Get(key)
	if strings.TrimSpace(raw) == "" {
		return list
	}
	addresses, err := x.header.AddressList(key)
	if len(raw) > fieldBytes || err != nil {
		return []string{tidy(x.decoded(key))}
	}
	for _, a := range addresses[:min(len(addresses), mostNames)] {
		if a.Name == "" {
			list = append(list, tidy(a.Address))
			continue
		}
		list = append(list, tidy(a.Name+" <"+a.Address+">"))
	}
	return list
}

// headers are the lines of the header, decoded, in their order.
func (x *reading) headers() []wire.MailHeader {
	list := []wire.MailHeader{}
	for fields := x.header.Fields(); fields.Next() && len(list) < mostFields; {
		value := fields.Value()
		if text, err := fields.Text(); err == nil && len(value) <= fieldBytes {
			value = text
		}
		list = append(list, wire.MailHeader{Name: tidy(fields.Key()), Value: tidy(value)})
	}
	return list
}

// tidy is a field as one line that acts on nothing: whoever sent a message chose
// its characters.
func tidy(text string) string {
	if len(text) > fieldBytes {
		text = text[:fieldBytes]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}
