package cli

import (
	"strings"
	"testing"
)

func TestColumnsFitTheTerminal(t *testing.T) {
	rows := [][]string{{"PROJECT", "BRANCH", "PHASE", "REVISION", "URL"}, {"shop", "main", "ready", "0123456789", "http://main.shop.localhost:8080"},
		{"shop", "feature/größe", "asleep", "", "http://groesse.shop.localhost:8080"}}
	for width, want := range map[int]string{
		0: `PROJECT  BRANCH         PHASE   REVISION    URL
shop     main           ready   0123456789  http://main.shop.localhost:8080
shop     feature/größe  asleep              http://groesse.shop.localhost:8080`,
		72: `PROJECT  BRANCH         PHASE   URL
shop     main           ready   http://main.shop.localhost:8080
shop     feature/größe  asleep  http://groesse.shop.localhost:8080`,
		58: `BRANCH         PHASE   URL
main           ready   http://main.shop.localhost:8080
feature/größe  asleep  http://groesse.shop.localhost:8080`,
		40: `BRANCH         PHASE
  URL
main           ready
  http://main.shop.localhost:8080
feature/größe  asleep
  http://groesse.shop.localhost:8080`,
	} {
		if got := strings.Join(fitted(rows, width, []string{"REVISION", "PROJECT"}), "\n"); got != want {
			t.Errorf("%d wide:\n%s\nwant\n%s", width, got, want)
		}
	}
}

func TestLongTextsHang(t *testing.T) {
	for _, x := range []struct {
		prefix, text  string
		indent, width int
		want          string
	}{
		{"warn  ", "one two three four", 6, 0, "warn  one two three four"},
		{"warn  ", "one two three four", 6, 24, "warn  one two three four"},
		{"warn  ", "one two three four", 6, 19, "warn  one two three\n      four"},
		{"2026-11-29  server ", "größer an-unbreakable-word", 2, 20, "2026-11-29  server\n  größer\n  an-unbreakable-word"},
		{"queued: ", "", 2, 4, "queued:"},
	} {
		if got := strings.Join(hung(x.prefix, x.text, x.indent, x.width), "\n"); got != x.want {
			t.Errorf("%d wide:\n%s\nwant\n%s", x.width, got, x.want)
		}
	}
	rows := [][]string{{"ACTION", "WHY"}, {"keeps", "it is pinned by somebody"}, {"warns", ""}}
	if got, want := strings.Join(fitted(rows, 20, nil), "\n"), "ACTION\n  WHY\nkeeps\n  it is pinned by\n  somebody\nwarns"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
