// Package mailbox catches the mail that environments send and keeps it for
// people to look at. It listens for each environment, takes whatever is handed
// to it, and never sends anything anywhere.
//
// A message is two files of its environment's folder: as it was sent, and what
// is known of it. The second is written last and taken away first: without it
// there is no message.
package mailbox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"offshoot/internal/staging"
	"offshoot/internal/wire"
)

// Limits bound what is kept.
type Limits struct {
	// Message and Total are the bytes of one message, and of an environment's.
	Message, Total int64
	// Count is how many messages of an environment are kept; the oldest go first.
	Count int
}

// Usual are the limits of a server.
func Usual() Limits { return Limits{Message: 25 << 20, Total: 200 << 20, Count: 500} }

// Boxes are the messages of all environments. They are safe for concurrent use.
type Boxes struct {
	folder func(environment string) (string, error)
	limits Limits
	now    func() time.Time

	// mu is held while messages come and go, never while one is received.
	mu sync.Mutex
	// last is the millisecond of the newest id, so that ids are in the order in
	// which messages came.
	last int64
}

// New keeps messages in the folder that an environment's id stands for. That
// need not be there yet; it is not made before the first message.
func New(folder func(environment string) (string, error), limits Limits, now func() time.Time) *Boxes {
	return &Boxes{folder: folder, limits: limits, now: now}
}

// The names of a message's files; what begins with a dot is not whole.
const (
	rawEnd   = ".eml"
	knownEnd = ".json"
	partial  = ".receiving-"
)

// identity is the form of a message's id: the millisecond it came at, and some
// digits that cannot be guessed.
var identity = regexp.MustCompile(`^msg_[0-9a-f]{16}$`)

func (b *Boxes) identify() string {
	b.last = max(b.last+1, b.now().UnixMilli())
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("msg_%011x%s", b.last, hex.EncodeToString(random[:])[:5])
}

func (b *Boxes) box(environment string) (string, error) {
	if !staging.HasID(environment, staging.EnvironmentPrefix) {
		return "", staging.NotFound("", "there is no environment %q", environment)
	}
	return b.folder(environment)
}

// file is where a message lies.
func (b *Boxes) file(environment, id, end string) (string, error) {
	dir, err := b.box(environment)
	if err == nil && !identity.MatchString(id) {
		err = missing(id)
	}
	return filepath.Join(dir, id+end), err
}

func missing(id string) error {
	return staging.NotFound("offshoot mail ls ENV lists the messages; the oldest go first", "there is no message %q", id)
}

// ids are those of all messages, the newest first.
func ids(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), knownEnd); ok && identity.MatchString(id) {
			list = append(list, id)
		}
	}
	slices.Reverse(list)
	return list, nil
}

// List is what is known of all messages of an environment, the newest first.
func (b *Boxes) List(environment string) ([]wire.Mail, error) {
	dir, err := b.box(environment)
	if err != nil {
		return nil, err
	}
	all, err := ids(dir)
	if err != nil {
		return nil, err
	}
	list := []wire.Mail{}
	for _, id := range all {
		m, err := known(filepath.Join(dir, id+knownEnd))
		if err == nil {
			m.ID, m.Environment = id, environment
			list = append(list, m)
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errHalf) {
			return nil, err
		}
	}
	return list, nil
}

// Count is how many messages there are.
func (b *Boxes) Count(environment string) (int, error) {
	dir, err := b.box(environment)
	if err != nil {
		return 0, err
	}
	all, err := ids(dir)
	return len(all), err
}

// errHalf is what a power cut left.
var errHalf = errors.New("what is known of a message cannot be read")

func known(file string) (wire.Mail, error) {
	var m wire.Mail
	text, err := os.ReadFile(file)
	if err == nil && json.Unmarshal(text, &m) != nil {
		err = errHalf
	}
	return m, err
}

// Raw is a message as it was sent. Whoever opens it closes it.
func (b *Boxes) Raw(environment, id string) (io.ReadCloser, error) {
	raw, _, err := b.open(environment, id)
	return raw, err
}

func (b *Boxes) open(environment, id string) (*os.File, wire.Mail, error) {
	at, err := b.file(environment, id, knownEnd)
	if err != nil {
		return nil, wire.Mail{}, err
	}
	m, err := known(at)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errHalf) {
		err = missing(id)
	}
	if err != nil {
		return nil, m, err
	}
	m.ID, m.Environment = id, environment
	raw, err := os.Open(strings.TrimSuffix(at, knownEnd) + rawEnd)
	if errors.Is(err, fs.ErrNotExist) {
		err = missing(id)
	}
	return raw, m, err
}

// Read is one message with its text.
func (b *Boxes) Read(environment, id string) (wire.MailMessage, error) {
	raw, m, err := b.open(environment, id)
	if err != nil {
		return wire.MailMessage{}, err
	}
	defer func() { _ = raw.Close() }()
	x := read(raw, 0, nil)
	return wire.MailMessage{Mail: m, Headers: x.headers(), Text: x.text.String(), HTML: x.html.String(), Truncated: x.truncated}, nil
}

// Attachment writes the n-th attachment of a message, decoded. begin is told
// what it is before the first byte.
func (b *Boxes) Attachment(environment, id string, n int, begin func(wire.MailAttachment) io.Writer) error {
	raw, m, err := b.open(environment, id)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }()
	i := slices.IndexFunc(m.Attachments, func(a wire.MailAttachment) bool { return a.N == n })
	if i < 0 {
		return staging.NotFound("offshoot mail show ENV "+id+" lists them", "the message has no attachment %d", n)
	}
	return read(raw, n, begin(m.Attachments[i])).failed
}

// Remove throws one message away.
func (b *Boxes) Remove(environment, id string) error {
	at, err := b.file(environment, id, knownEnd)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return missing(id)
	}
	return remove(filepath.Dir(at), id)
}

// Clear throws all messages of an environment away, and answers how many.
func (b *Boxes) Clear(environment string) (int, error) {
	dir, err := b.box(environment)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all, err := ids(dir)
	for i, id := range all {
		if err := remove(dir, id); err != nil {
			return i, err
		}
	}
	return len(all), err
}

func remove(dir, id string) error {
	for _, end := range []string{knownEnd, rawEnd} {
		if err := os.Remove(filepath.Join(dir, id+end)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
