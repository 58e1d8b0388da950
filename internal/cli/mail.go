package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"offshoot/internal/apiclient"
	"offshoot/internal/human"
	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

func mailCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{Use: "mail", Short: "Mail that an environment sent: it is caught, never delivered", Example: "  offshoot mail ls .\n  offshoot mail show .", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(mailLs(io), mailShow(io), mailRm(io))
	return c
}

func mailLs(io *stdio) *cobra.Command {
	limit := 0
	c := &cobra.Command{
		Use: "ls ENV", Short: "List its messages, the newest first", Example: "  offshoot mail ls .\n  offshoot mail ls feature/x --limit 5 --json", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 0 || limit > 1000 {
				return staging.Errorf(staging.CodeUsage, "for example --limit 20; without it there are all", "--limit %d: from 1 to 1000", limit)
			}
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			list, err := client.Mail(c.Context(), v.ID, limit)
			if err != nil {
				return err
			}
			if io.json {
				io.object(list)
				return nil
			}
			return io.mails(v, list.Items)
		},
	}
	c.Flags().IntVar(&limit, "limit", 0, "only so many of the newest")
	c.Flags().Lookup("limit").DefValue = "all"
	return c
}

// mostWide is how much of a column of mail is shown beside others.
const mostWide = 34

func (s *stdio) mails(v wire.Environment, items []wire.Mail) error {
	if len(items) == 0 {
		_, _ = fmt.Fprintln(s.err, "no mail was caught; services find where by SMTP_HOST, SMTP_PORT and SMTP_URL")
		return nil
	}
	rows := [][]string{{"MESSAGE", "CAUGHT", "FROM", "TO", "FILES", "SUBJECT"}}
	for _, m := range items {
		files := "-"
		if n := len(m.Attachments); n > 0 {
			files = fmt.Sprint(n)
		}
		rows = append(rows, []string{m.ID, ago(m.ReceivedAt), cut(first(m.From, m.Sender, "-"), mostWide), cut(first(strings.Join(m.Recipients, ", "), "-"), mostWide), files, first(m.Subject, "(no subject)")})
	}
	if err := s.columns(rows, "FILES", "FROM"); err != nil {
		return err
	}
	if page, err := s.mailPage(v); err == nil {
		_, _ = fmt.Fprintln(s.err, "in a browser:", page)
	}
	return nil
}

// cut is the beginning of a text that is too long.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// mailPage is where people see an environment's mail in a browser.
func (s *stdio) mailPage(v wire.Environment) (string, error) {
	return url.JoinPath(s.client().Base, "environments", v.ID, "mail")
}

type mailFlags struct {
	raw, html  bool
	attachment int
}

func mailShow(io *stdio) *cobra.Command {
	var f mailFlags
	c := &cobra.Command{
		Use: "show ENV [MESSAGE]", Short: "Show a message: the newest, or one by its id", Args: cobra.RangeArgs(1, 2),
		Example: "  offshoot mail show .\n  offshoot mail show . msg_… --attachment 1 > invoice.pdf\n  offshoot mail show . msg_… --raw",
		RunE: func(c *cobra.Command, args []string) error {
			if f.attachment < 0 {
				return staging.Errorf(staging.CodeUsage, "offshoot mail show ENV lists them with their numbers", "--attachment %d: they are numbered from 1", f.attachment)
			}
			ctx, client := c.Context(), io.client()
			v, err := io.environment(ctx, client, args[0])
			if err != nil {
				return err
			}
			var id string
			if len(args) > 1 {
				id = args[1]
			} else if id, err = newestMail(ctx, client, v); err != nil {
				return err
			}
			if f.raw || f.attachment > 0 {
				if io.json {
					return staging.Errorf(staging.CodeUsage, "leave out one of them", "--raw and --attachment print a file, --json an object")
				}
				return client.RawMail(ctx, v.ID, id, f.attachment, io.out)
			}
			m, err := client.MailMessage(ctx, v.ID, id)
			if err != nil {
				return err
			}
			switch {
			case io.json:
				io.object(m)
			case f.html:
				_, _ = fmt.Fprintln(io.out, m.HTML)
			default:
				io.letter(v, m)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&f.raw, "raw", false, "as it was sent")
	c.Flags().BoolVar(&f.html, "html", false, "its HTML")
	c.Flags().IntVar(&f.attachment, "attachment", 0, "one of its attachments, by number, to stdout")
	c.Flags().Lookup("attachment").DefValue = "none"
	c.MarkFlagsMutuallyExclusive("raw", "html", "attachment")
	return c
}

func newestMail(ctx context.Context, client *apiclient.Client, v wire.Environment) (string, error) {
	list, err := client.Mail(ctx, v.ID, 1)
	if err != nil {
		return "", err
	}
	if len(list.Items) == 0 {
		return "", staging.NotFound("services find where to send it by SMTP_HOST, SMTP_PORT and SMTP_URL", "%s sent no mail that was caught", v.Branch)
	}
	return list.Items[0].ID, nil
}

// letter is a message for people.
func (s *stdio) letter(v wire.Environment, m wire.MailMessage) {
	t := &sheet{s: s}
	_, _ = fmt.Fprintln(s.out, first(m.Subject, "(no subject)"))
	t.line("message", "%s, caught %s", m.ID, ago(m.ReceivedAt))
	line := func(name, value string) {
		if value != "" {
			s.under(fmt.Sprintf("  %-11s ", name), value, 14)
		}
	}
	line("from", m.From)
	line("to", strings.Join(m.To, ", "))
	line("cc", strings.Join(m.CC, ", "))
	line("reply to", strings.Join(m.ReplyTo, ", "))
	line("envelope", first(m.Sender, "<>")+" to "+strings.Join(m.Recipients, ", "))
	for _, a := range m.Attachments {
		line("attachment", fmt.Sprintf("%d: %s (%s, %s)", a.N, first(a.Name, "without a name"), a.Type, human.Size(a.SizeBytes)))
	}
	if page, err := s.mailPage(v); err == nil {
		line("page", page+"/"+m.ID)
	}
	_, _ = fmt.Fprintln(s.out)
	switch {
	case strings.TrimSpace(m.Text) != "":
		_, _ = fmt.Fprintln(s.out, strings.TrimRight(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n"))
	case m.HTML != "":
		_, _ = fmt.Fprintln(s.err, "it has no text, only HTML: --html prints it, the page shows it")
	default:
		_, _ = fmt.Fprintln(s.err, "it has no text")
	}
	if m.Truncated {
		_, _ = fmt.Fprintln(s.err, "not all of it is shown: --raw prints it as it was sent")
	}
}

func mailRm(io *stdio) *cobra.Command {
	var every bool
	c := &cobra.Command{
		Use: "rm ENV [MESSAGE]", Short: "Throw a message away, or all of them", Example: "  offshoot mail rm . msg_…\n  offshoot mail rm . --all", Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if every == (len(args) > 1) {
				return staging.Errorf(staging.CodeUsage, "offshoot mail rm ENV MESSAGE, or offshoot mail rm ENV --all", "name a message, or say --all")
			}
			client := io.client()
			v, err := io.environment(c.Context(), client, args[0])
			if err != nil {
				return err
			}
			message := ""
			if !every {
				message = args[1]
			}
			r, err := client.RemoveMail(c.Context(), v.ID, message)
			if err != nil {
				return err
			}
			if io.json {
				io.object(r)
				return nil
			}
			_, _ = fmt.Fprintf(io.out, "%d removed\n", r.Removed)
			return nil
		},
	}
	c.Flags().BoolVar(&every, "all", false, "all messages of the environment")
	return c
}
