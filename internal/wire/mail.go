package wire

import "time"

// Mail is a message that an environment sent and that was caught, without its
// text. What the message itself says is as whoever wrote it liked; the envelope
// says whom it was really for.
type Mail struct {
	ID          string    `json:"id"`
	Environment string    `json:"environment"`
	ReceivedAt  time.Time `json:"received_at"`
	// Sender and Recipients are the envelope's, blind copies among them.
	Sender     string   `json:"sender"`
	Recipients []string `json:"recipients"`
	// Date is null where the message has none that can be read.
	Date        *time.Time       `json:"date"`
	From        string           `json:"from"`
	To          []string         `json:"to"`
	CC          []string         `json:"cc"`
	ReplyTo     []string         `json:"reply_to"`
	Subject     string           `json:"subject"`
	SizeBytes   int64            `json:"size_bytes"`
	Attachments []MailAttachment `json:"attachments"`
}

// MailAttachment is one part of a message that is not its text. N counts from 1.
type MailAttachment struct {
	N         int    `json:"n"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	SizeBytes int64  `json:"size_bytes"`
	// ContentID is by what the message's HTML names it, "" for nothing.
	ContentID string `json:"content_id"`
}

// MailMessage is a message with its text, as UTF-8.
type MailMessage struct {
	Mail
	Headers []MailHeader `json:"headers"`
	Text    string       `json:"text"`
	HTML    string       `json:"html"`
	// Truncated is whether more was sent than is shown; raw has it all.
	Truncated bool `json:"truncated"`
}

// MailHeader is one line of a message's header, decoded.
type MailHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// MailRemoved is how many messages were thrown away.
type MailRemoved struct {
	Removed int `json:"removed"`
}
