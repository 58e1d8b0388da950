package api

import (
	"context"
	"io"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offshoot/internal/wire"
)

// Mail is what environments sent and was caught.
type Mail interface {
	Mails(ctx context.Context, id string) ([]wire.Mail, error)
	MailMessage(ctx context.Context, id, message string) (wire.MailMessage, error)
	RawMail(ctx context.Context, id, message string) (io.ReadCloser, error)
	MailAttachment(ctx context.Context, id, message string, n int, begin func(wire.MailAttachment) io.Writer) error
	RemoveMail(ctx context.Context, actor, id, message string) (wire.MailRemoved, error)
}

// Letter is a path with a message in it.
type Letter struct {
	Identified
	Message string `path:"message" doc:"a message's id"`
}

func mails(api huma.API, c Config) {
	const path = "/environments/{id}/mail"
	huma.Register(api, operation("list-mail", http.MethodGet, path, "Mail that was caught, newest first"), func(ctx context.Context, in *struct {
		Identified
		Page
	}) (*struct{ Body wire.List[wire.Mail] }, error) {
		items, err := c.Mail.Mails(ctx, in.ID)
		return paged(items, err, in.Page, func(m wire.Mail) string { return m.ID })
	})
	huma.Register(api, operation("clear-mail", http.MethodDelete, path, "Throw all mail away"), func(ctx context.Context, in *Identified) (*struct{ Body wire.MailRemoved }, error) {
		return reply(c.Mail.RemoveMail(ctx, actor(ctx), in.ID, ""))
	})
	huma.Register(api, operation("show-mail", http.MethodGet, path+"/{message}", "One message with its text"), func(ctx context.Context, in *Letter) (*struct{ Body wire.MailMessage }, error) {
		return reply(c.Mail.MailMessage(ctx, in.ID, in.Message))
	})
	huma.Register(api, operation("remove-mail", http.MethodDelete, path+"/{message}", "Throw one message away"), func(ctx context.Context, in *Letter) (*struct{ Body wire.MailRemoved }, error) {
		return reply(c.Mail.RemoveMail(ctx, actor(ctx), in.ID, in.Message))
	})
	huma.Register(api, download("read-mail", path+"/{message}/raw", "One message as it was sent"), func(ctx context.Context, in *Letter) (*huma.StreamResponse, error) {
		raw, err := c.Mail.RawMail(ctx, in.ID, in.Message)
		if err != nil {
			return nil, problemOf(err)
		}
		return &huma.StreamResponse{Body: func(h huma.Context) {
			defer func() { _ = raw.Close() }()
			_, _ = io.Copy(begun(h, in.Message+".eml"), raw)
		}}, nil
	})
	huma.Register(api, download("read-mail-attachment", path+"/{message}/attachments/{n}", "One attachment, decoded"), func(_ context.Context, in *struct {
		Letter
		N int `path:"n" doc:"its number, from 1"`
	}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(h huma.Context) {
			sent := false
			err := c.Mail.MailAttachment(h.Context(), in.ID, in.Message, in.N, func(a wire.MailAttachment) io.Writer {
				sent = true
				return begun(h, a.Name)
			})
			if err != nil && !sent {
				writeProblem(h.BodyWriter().(http.ResponseWriter), problemOf(err))
			}
		}}, nil
	})
}

// bytesOf is what nobody shall take for something to show.
const bytesOf = "application/octet-stream"

// download is an operation that answers bytes.
func download(id, path, summary string) huma.Operation {
	o := operation(id, http.MethodGet, path, summary)
	o.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{bytesOf: {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
	return o
}

// begun begins an answer that is kept as a file: whoever made it up chose what
// is in it.
func begun(h huma.Context, name string) io.Writer {
	h.SetHeader("Content-Type", bytesOf)
	h.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.SetHeader("Content-Security-Policy", "default-src 'none'; sandbox")
	return h.BodyWriter()
}
