package human

import (
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for _, x := range []struct{ got, want string }{
		{Span(-time.Second), "0 s"},
		{Span(59 * time.Second), "59 s"},
		{Span(90 * time.Minute), "90 min"},
		{Span(23*time.Hour + 50*time.Minute), "23 h"},
		{Span(24*time.Hour - time.Second), "24 h"},
		{Span(47 * time.Hour), "47 h"},
		{Span(71 * time.Hour), "2 days"},
		{Span(72*time.Hour - 5*time.Second), "3 days"},
		{Span(72 * time.Hour), "3 days"},
		{Took(999), "999 ms"},
		{Took(1250), "1.2 s"},
		{Took(125_000), "2 min 05 s"},
		{Size(0), "0 kB"},
		{Size(1), "1 kB"},
		{Size(5 << 20), "5 MB"},
		{Size(2 << 30), "2048 MB"},
		{Size(12 << 30), "12 GB"},
		{Revision("abc"), "abc"},
		{Revision("0123456789ab"), "0123456789"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
}
