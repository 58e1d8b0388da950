package mailbox

import (
	"errors"
	"io"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one client's, which may hand over many messages one after another.
type session struct {
	line     *line
	envelope Envelope
}

func refused(code, class, subject, detail int, message string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: message}
}

// Mail implements smtp.Session: any sender is welcome.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if len(from) > addressBytes {
		return refused(553, 5, 1, 7, "the address is too long")
	}
	s.envelope = Envelope{Sender: from}
	return nil
}

// Rcpt implements smtp.Session: any recipient is.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if len(to) > addressBytes {
		return refused(553, 5, 1, 3, "the address is too long")
	}
	s.envelope.Recipients = append(s.envelope.Recipients, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	c := s.line.catcher
	if !s.line.begin() {
		return refused(421, 4, 3, 2, "the environment goes to sleep")
	}
	defer s.line.end()
	if why := c.scarce(); why != "" {
		return refused(452, 4, 3, 1, "nothing is kept: "+why)
	}
	m, err := c.boxes.Keep(s.line.environment, s.envelope, r)
	var said *smtp.SMTPError
	switch {
	case errors.As(err, &said):
		return said
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, smtp.ErrTooLongLine):
		return err // the client is gone, or is told so
	case err != nil:
		c.log.Warn("mail was not kept", "environment", s.line.environment, "error", err)
		return refused(451, 4, 3, 0, "the message could not be kept")
	}
	s.line.tell(m)
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.envelope = Envelope{} }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// AuthMechanisms implements smtp.AuthSession: those that clients of any age know.
func (s *session) AuthMechanisms() []string { return []string{"PLAIN", "LOGIN", "CRAM-MD5"} }

// Auth implements smtp.AuthSession: whoever says anything is welcome.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case "PLAIN":
		return &anybody{questions: []string{""}}, nil
	case "LOGIN":
		return &anybody{questions: []string{"Username:", "Password:"}}, nil
	case "CRAM-MD5":
		return &anybody{questions: []string{"<1@offshoot.invalid>"}}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// anybody asks its questions and is content with any answers.
type anybody struct {
	questions []string
	asked     bool
}

// Next implements sasl.Server. The first answer may come before its question.
func (a *anybody) Next(answer []byte) (question []byte, done bool, err error) {
	if a.asked || answer != nil {
		a.questions = a.questions[1:]
	}
	a.asked = true
	if len(a.questions) == 0 {
		return nil, true, nil
	}
	return []byte(a.questions[0]), false, nil
}
