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

// TestWhereNamesAnswerAnotherPortLeadsToWhereMailIsCaughtToo has the images
// that listen on other ports than the usual one.
func TestWhereNamesAnswerAnotherPortLeadsToWhereMailIsCaughtToo(t *testing.T) {
	here := db
	here.Port = here.UsualPort // as each data server has where it has an address of its own
	in := variable.Input{AsWritten: true, Datastores: []variable.Address{here}, Peers: peers, Mail: &variable.Mail{Host: "10.0.0.1", Port: 1025, Names: []string{"mailtrap"}},
		Stack: map[string]string{"A": "smtp://u:p@mailtrap:25/x", "B": "smtp://mailtrap:1025", "C": "mailtrap:2525", "MAIL_HOST": "mailtrap", "MAIL_PORT": "25", "SMTP_SERVER": "mailtrap", "D": "http://mailtrap:8025",
			"DB": "postgres://app:secret@shop-db:5432/shop", "API": "http://api:4000"}}
	res, err := variable.Resolve(in)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"A": "smtp://u:p@10.0.0.1:1025/x", "B": "smtp://mailtrap:1025", "C": "10.0.0.1:1025", "MAIL_HOST": "mailtrap", "MAIL_PORT": "1025", "SMTP_SERVER": "mailtrap", "SMTP_PORT": "1025",
		"D": "http://mailtrap:8025", "DB": "postgres://app:secret@shop-db:5432/shop", "API": "http://api:4000"} {
		if res.Env[key] != want {
			t.Errorf("%s = %q, want %q", key, res.Env[key], want)
		}
	}
	if got := res.Command(staging.Command{Shell: "wait mailtrap:25 db:5432"}, nil).Shell; got != "wait 10.0.0.1:1025 db:5432" {
		t.Error(got)
	}
}
