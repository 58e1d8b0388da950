// Package redact takes secrets out of text before anyone reads it: as they
// are, and as base64, URLs, JSON and hexadecimal digits write them, also where
// one is spread over two writes.
package redact

import (
	"io"
	"slices"
	"strings"
)

// Mark is what stands where a secret stood.
const Mark = "[secret]"

// Redactor is safe for concurrent use.
type Redactor struct {
	// byStart are the forms by their first bytes, longest first; starts are
	// the beginnings that are shorter.
	byStart map[string][]string
	starts  map[string]bool
}

// New hides these values.
func New(values []string) *Redactor {
	r := &Redactor{byStart: map[string][]string{}, starts: map[string]bool{}}
	seen := map[string]bool{}
	for _, v := range values {
		for _, piece := range pieces(v) {
			if len(piece) < shortest {
				continue
			}
			for _, form := range forms(piece) {
				if len(form) >= shortest && !seen[form] {
					seen[form] = true
					r.add(form)
				}
			}
		}
	}
	for _, list := range r.byStart {
		slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	}
	return r
}

func (r *Redactor) add(form string) {
	r.byStart[form[:shortest]] = append(r.byStart[form[:shortest]], form)
	for n := 1; n < shortest; n++ {
		r.starts[form[:n]] = true
	}
}

// at is the length of the longest form at the beginning of text, 0 for none,
// and whether a longer one may yet be there once more follows.
func (r *Redactor) at(text string) (length int, more bool) {
	if len(text) < shortest {
		return 0, r.starts[text]
	}
	for _, form := range r.byStart[text[:shortest]] {
		if strings.HasPrefix(text, form) {
			return max(length, len(form)), more
		}
		more = more || strings.HasPrefix(form, text)
	}
	return length, more
}

// String is s without the secrets.
func (r *Redactor) String(s string) string {
	if len(r.byStart) == 0 {
		return s
	}
	stream := r.Stream()
	return stream.Write(s) + stream.Flush()
}

// Stream redacts a text that comes in pieces. It is for one goroutine.
type Stream struct {
	r    *Redactor
	held string
	// covered is how many of the held bytes belong to a secret that began
	// before them.
	covered int
}

// Stream begins a text.
func (r *Redactor) Stream() *Stream { return &Stream{r: r} }

// Write takes the next piece and answers what can be shown already. What may
// be the beginning of a secret is held back.
func (s *Stream) Write(piece string) string { return s.show(piece, false) }

// Flush ends the text and answers the rest of it.
func (s *Stream) Flush() string { return s.show("", true) }

func (s *Stream) show(piece string, last bool) string {
	text := s.held + piece
	var out strings.Builder
	at := 0
	for ; at < len(text); at++ {
		length, more := s.r.at(text[at:])
		if more && !last {
			break
		}
		if length > 0 && s.covered == 0 {
			out.WriteString(Mark)
		}
		s.covered = max(s.covered, length)
		if s.covered > 0 {
			s.covered--
			continue
		}
		out.WriteByte(text[at])
	}
	s.held = text[at:]
	return out.String()
}

// Writer redacts what is written to it. Close shows the rest; it does not
// close w.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &writer{r.Stream(), w} }

type writer struct {
	*Stream
	w io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, w.Stream.Write(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *writer) Close() error {
	_, err := io.WriteString(w.w, w.Flush())
	return err
}
