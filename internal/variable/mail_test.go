package variable_test

import (
	"testing"

	"offshoot/internal/staging"
	"offshoot/internal/variable"
)

var post = &variable.Mail{Host: "127.0.0.1", Port: 20025, Names: []string{"mailhog", "shop-mail"}}

func TestMailGoesToWhereItIsCaught(t *testing.T) {
	for _, c := range []struct{ stack, want map[string]string }{
		{nil, map[string]string{"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "20025", "SMTP_URL": "smtp://127.0.0.1:20025"}},
		{map[string]string{"SMTP_HOST": "smtp.example.com", "U": staging.Late("SMTP_URL")}, map[string]string{"SMTP_HOST": "smtp.example.com", "SMTP_PORT": "20025", "U": "smtp://127.0.0.1:20025"}},
		{map[string]string{"SMTP_HOST": "mailhog"}, map[string]string{"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "20025"}},
		{map[string]string{"MAIL_HOST": "shop-mail", "MAIL_PORT": "1025", "MAIL_USERNAME": "x"}, map[string]string{"MAIL_HOST": "127.0.0.1", "MAIL_PORT": "20025", "MAIL_USERNAME": "x", "MAIL_PASSWORD": ""}},
		{map[string]string{"MAIL_HOST": "MailHog"}, map[string]string{"MAIL_HOST": "127.0.0.1", "MAIL_PORT": "20025"}},
		{map[string]string{"EMAIL_HOST": "other", "EMAIL_PORT": "1025"}, map[string]string{"EMAIL_HOST": "other", "EMAIL_PORT": "1025"}},
		{map[string]string{"SMTP_ADDRESS": "mailhog", "SMTP_PORT": "25"}, map[string]string{"SMTP_ADDRESS": "127.0.0.1", "SMTP_PORT": "20025"}},
		{map[string]string{"MAILER_DSN": "smtp://user:pw@mailhog:1025?verify_peer=0", "EMAIL_URL": "smtp://mailhog", "A": "mailhog:1025", "UI": "http://mailhog:8025", "B": "mailhog"},
			map[string]string{"MAILER_DSN": "smtp://user:pw@127.0.0.1:20025?verify_peer=0", "EMAIL_URL": "smtp://127.0.0.1:20025", "A": "127.0.0.1:20025", "UI": "http://mailhog:8025", "B": "mailhog"}},
	} {
		res, err := variable.Resolve(variable.Input{Datastores: []variable.Address{db}, Peers: peers, Mail: post, Stack: c.stack})
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range c.want {
			if res.Env[key] != want {
				t.Errorf("%v: %s = %q, want %q", c.stack, key, res.Env[key], want)
			}
		}
	}
	res, err := variable.Resolve(variable.Input{Mail: post})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Command(staging.Command{Shell: "./wait-for mailhog:1025 -- ./web"}, nil).Shell; got != "./wait-for 127.0.0.1:20025 -- ./web" {
		t.Error(got)
	}
	if res, err := variable.Resolve(variable.Input{Stack: map[string]string{"SMTP_URL": "smtp://mailhog:1025"}}); err != nil || res.Env["SMTP_URL"] != "smtp://mailhog:1025" || res.Env["SMTP_HOST"] != "" {
		t.Errorf("where none is caught: %v, %v", res.Env, err)
	}
}
