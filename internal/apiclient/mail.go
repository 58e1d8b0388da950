package apiclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"offshoot/internal/wire"
)

func mailPath(environment string) string {
	return "/environments/" + url.PathEscape(environment) + "/mail"
}

// Mail are the messages that an environment sent, newest first, at most limit;
// 0 is all.
func (c *Client) Mail(ctx context.Context, environment string, limit int) (v wire.List[wire.Mail], err error) {
	if limit == 0 {
		return all[wire.Mail](ctx, c, mailPath(environment), nil)
	}
	return v, c.call(ctx, http.MethodGet, mailPath(environment), url.Values{"limit": {strconv.Itoa(limit)}}, nil, &v)
}

// MailMessage is one message.
func (c *Client) MailMessage(ctx context.Context, environment, message string) (v wire.MailMessage, err error) {
	return v, c.call(ctx, http.MethodGet, mailPath(environment)+"/"+url.PathEscape(message), nil, nil, &v)
}

// RawMail writes a message as it was sent; its n-th attachment where n is not 0.
func (c *Client) RawMail(ctx context.Context, environment, message string, n int, to io.Writer) error {
	path := mailPath(environment) + "/" + url.PathEscape(message) + "/raw"
	if n != 0 {
		path = mailPath(environment) + "/" + url.PathEscape(message) + "/attachments/" + strconv.Itoa(n)
	}
	resp, err := c.request(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("answer of %s: %w", path, err)
	}
	return nil
}

// RemoveMail throws one message away, or all for "".
func (c *Client) RemoveMail(ctx context.Context, environment, message string) (v wire.MailRemoved, err error) {
	path := mailPath(environment)
	if message != "" {
		path += "/" + url.PathEscape(message)
	}
	return v, c.call(ctx, http.MethodDelete, path, nil, nil, &v)
}
