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
