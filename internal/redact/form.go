package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// shortest is the length, in bytes, under which a value is no secret worth
// hiding: it would make every text unreadable.
const shortest = 4

// shortestLine is the same for a line of a value of several lines, such as a
// private key: its first and last say nothing.
const shortestLine = 12

// pieces are the value itself and, of one of several lines, its lines: logs are
// read line by line.
func pieces(value string) []string {
	list := []string{value}
	if trimmed := strings.TrimSpace(value); trimmed != value {
		list = append(list, trimmed)
	}
	if !strings.ContainsAny(strings.TrimSpace(value), "\r\n") {
		return list
	}
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= shortestLine && !strings.HasPrefix(line, "-----") {
			list = append(list, line)
		}
	}
	return list
}

// wraps are how many bytes programs put on one line of base64.
func wraps() []int { return []int{48, 57} }

// forms are the ways in which texts repeat a value.
func forms(value string) []string {
	list := []string{value, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))), inJSON(value, true), inJSON(value, false)}
	list = append(list, inURL(value)...)
	list = append(list, inBase64(value)...)
	for _, n := range wraps() {
		for begin := 0; len(value) > n && begin+n <= len(value); begin += n {
			list = append(list, base64.StdEncoding.EncodeToString([]byte(value[begin:begin+n])))
		}
	}
	return list
}

// leftPlain are what languages leave plain in a part of a URL besides letters,
// digits and -_.~: by RFC 3986 nothing, Python's quote, JavaScript's
// encodeURIComponent.
func leftPlain() []string { return []string{"", "/", "!*'()"} }

func inURL(value string) []string {
	list := []string{url.QueryEscape(value), url.PathEscape(value), strings.TrimPrefix(url.UserPassword("", value).String(), ":")}
	for _, plain := range leftPlain() {
		escaped := percent(value, plain)
		list = append(list, escaped, strings.ReplaceAll(escaped, "%20", "+"))
	}
	for _, form := range list {
		list = append(list, escape.ReplaceAllStringFunc(form, strings.ToLower))
	}
	return list
}

var escape = regexp.MustCompile(`%[0-9A-F]{2}`)

func percent(value, plain string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~"+plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// inJSON is the value between the quotes of JSON, with or without what is
// escaped for HTML.
func inJSON(value string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(value) != nil {
		return value // strings can always be encoded
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// inBase64 are what of the value's base64 is the same whatever stands before
// and after it, as in the base64 of USER:PASSWORD: its bytes may begin at each
// of three places of a group.
func inBase64(value string) []string {
	var list []string
	for lead := range 3 {
		whole := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", lead) + value))
		begin, end := (lead*8+5)/6, (lead+len(value))*8/6
		if end-begin >= shortest+2 {
			stable := whole[begin:end]
			list = append(list, stable, strings.NewReplacer("+", "-", "/", "_").Replace(stable))
		}
	}
	return list
}
