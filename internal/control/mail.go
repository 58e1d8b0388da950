package control

import (
	"context"
	"fmt"
	"io"

	"offshoot/internal/store"
	"offshoot/internal/wire"
)

// Letters are messages that were caught, by environment and id.
type Letters interface {
	List(environment string) ([]wire.Mail, error)
	Read(environment, id string) (wire.MailMessage, error)
	Raw(environment, id string) (io.ReadCloser, error)
	Attachment(environment, id string, n int, begin func(wire.MailAttachment) io.Writer) error
}

// Mail is where they are kept.
type Mail interface {
	Letters
	Count(environment string) (int, error)
	Remove(environment, id string) error
	Clear(environment string) (int, error)
}

// Mails are the messages that an environment sent, the newest first.
func (s *Service) Mails(ctx context.Context, id string) ([]wire.Mail, error) {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return nil, err
	}
	return s.Mail.List(id)
}

// MailMessage is one of them with its text.
func (s *Service) MailMessage(ctx context.Context, id, message string) (wire.MailMessage, error) {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return wire.MailMessage{}, err
	}
	return s.Mail.Read(id, message)
}

// RawMail is one of them as it was sent. Whoever opens it closes it.
func (s *Service) RawMail(ctx context.Context, id, message string) (io.ReadCloser, error) {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return nil, err
	}
	return s.Mail.Raw(id, message)
}

// MailAttachment writes an attachment to what begin answers.
func (s *Service) MailAttachment(ctx context.Context, id, message string, n int, begin func(wire.MailAttachment) io.Writer) error {
	if _, err := s.Store.Environment(ctx, id); err != nil {
		return err
	}
	return s.Mail.Attachment(id, message, n, begin)
}

// RemoveMail throws one message away, or all for "".
func (s *Service) RemoveMail(ctx context.Context, actor, id, message string) (wire.MailRemoved, error) {
	env, err := s.live(ctx, id)
	if err != nil {
		return wire.MailRemoved{}, err
	}
	n := 1
	if message == "" {
		n, err = s.Mail.Clear(id)
	} else {
		err = s.Mail.Remove(id, message)
	}
	if err != nil || n == 0 {
		return wire.MailRemoved{}, err
	}
	return wire.MailRemoved{Removed: n}, s.Store.Write(ctx, func(t *store.Tx) error {
		return s.event(ctx, t, env, actor, "mail.removed", env.Branch+" has "+messages(n)+" less", map[string]any{"removed": n})
	})
}

// MailCaught writes down that messages came.
func (s *Service) MailCaught(ctx context.Context, m wire.Mail, n int) error {
	return s.Store.WriteSoon(ctx, func(t *store.Tx) error {
		env, err := t.Environment(ctx, m.Environment)
		if err != nil {
			return err
		}
		return s.event(ctx, t, env, "server", "mail.caught", env.Branch+" sent "+messages(n), map[string]any{"caught": n, "message": m.ID})
	})
}

func messages(n int) string {
	if n == 1 {
		return "a message"
	}
	return fmt.Sprintf("%d messages", n)
}
