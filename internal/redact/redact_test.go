package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"offshoot/internal/redact"
)

func TestForms(t *testing.T) {
	const secret = `p@ss/w+rd "x"<&>ü`
	quoted, err := json.Marshal(map[string]string{"password": secret})
	if err != nil {
		t.Fatal(err)
	}
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----\n"
	r := redact.New([]string{secret, "", "abc", key, "abcdefgh", "efghijkl"})
	for name, text := range map[string]string{
		"plain":         "a " + secret + " b",
		"query":         "?x=" + url.QueryEscape(secret),
		"path":          "/" + url.PathEscape(secret),
		"lower escapes": "p%40ss%2fw%2brd+%22x%22%3c%26%3e%c3%bc",
		"JavaScript":    "p%40ss%2Fw%2Brd%20%22x%22%3C%26%3E%C3%BC",
		"userinfo":      (&url.URL{Scheme: "postgres", User: url.UserPassword("app", secret), Host: "db"}).String(),
		"json":          string(quoted),
		"base64":        base64.StdEncoding.EncodeToString([]byte(secret)),
		"url base64":    base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"basic auth":    "Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+secret)),
		"basic auth 2":  "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secret)),
		"basic auth 3":  "Basic " + base64.StdEncoding.EncodeToString([]byte("users:"+secret+"@host")),
		"hex":           hex.EncodeToString([]byte(secret)),
		"a key's line":  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
		"wrapped key":   base64.StdEncoding.EncodeToString([]byte(key))[:64],
		"overlapping":   "abcdefghijkl",
	} {
		got := r.String(text)
		if !strings.Contains(got, redact.Mark) {
			t.Errorf("%s: %q stays", name, got)
		}
		for _, part := range []string{"w+rd", "w%2Brd", "MIIEvQ", "efgh", "ijkl", base64.StdEncoding.EncodeToString([]byte(secret))[4:16]} {
			if strings.Contains(got, part) {
				t.Errorf("%s: %q leaks %q", name, got, part)
			}
		}
	}
	for _, text := range []string{"", "abc", "nothing to hide", "-----BEGIN KEY-----"} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestNoSplitLeaks writes a text with secrets in random pieces.
func TestNoSplitLeaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]rune("ab1/+ =\n\"é"))
		secrets := rapid.SliceOfN(rapid.StringOfN(alphabet, 4, 12, -1), 1, 4).Draw(t, "secrets")
		r := redact.New(secrets)
		encodings := []func(string) string{
			func(s string) string { return s },
			url.QueryEscape,
			func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			func(s string) string { return base64.URLEncoding.EncodeToString([]byte("user:" + s)) },
			func(s string) string { return fmt.Sprintf("%x", s) },
			func(s string) string { text, _ := json.Marshal(s); return string(text) },
		}
		var text strings.Builder
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			text.WriteString(rapid.StringOfN(alphabet, 0, 8, -1).Draw(t, "between"))
			text.WriteString(rapid.SampledFrom(encodings).Draw(t, "encoding")(rapid.SampledFrom(secrets).Draw(t, "secret")))
		}
		var out bytes.Buffer
		w := r.Writer(&out)
		for rest := text.String(); rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if whole := r.String(text.String()); out.String() != whole {
			t.Fatalf("in pieces %q, whole %q", &out, whole)
		}
		for _, s := range secrets {
			if rest := strings.ReplaceAll(out.String(), redact.Mark, "\x00"); strings.Contains(rest, s) {
				t.Fatalf("%q of %q shows %q", &out, text.String(), s)
			}
		}
	})
}

func BenchmarkString(b *testing.B) {
	secrets := make([]string, 40)
	for i := range secrets {
		secrets[i] = fmt.Sprintf("secret-%d-%032d", i, i)
	}
	r := redact.New(secrets)
	line := strings.Repeat("GET /products/17 200 12 ms of app ", 4)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_ = r.String(line)
	}
}
