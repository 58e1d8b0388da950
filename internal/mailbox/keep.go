package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"offshoot/internal/wire"
)

// Envelope is whom a message was handed over for.
type Envelope struct {
	Sender     string
	Recipients []string
}

// Keep receives a message to its end and keeps it; then the oldest go, where
// there are too many. An error of r is answered as it is, and nothing is kept.
func (b *Boxes) Keep(environment string, e Envelope, r io.Reader) (wire.Mail, error) {
	dir, err := b.box(environment)
	if err != nil {
		return wire.Mail{}, err
	}
	// What else is of the environment lies beside, and others may pass there.
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(dir)), 0o711); err != nil {
		return wire.Mail{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return wire.Mail{}, err
	}
	raw, err := os.CreateTemp(dir, partial)
	if err != nil {
		return wire.Mail{}, err
	}
	m, err := b.receive(raw, e, r)
	err = errors.Join(err, raw.Close())
	if err == nil {
		m.Environment = environment
		err = b.settle(dir, raw.Name(), &m)
	}
	if err != nil {
		_ = os.Remove(raw.Name())
	}
	return m, err
}

func (b *Boxes) receive(raw *os.File, e Envelope, r io.Reader) (wire.Mail, error) {
	m := wire.Mail{ReceivedAt: b.now(), Sender: tidy(e.Sender), Recipients: []string{}}
	for _, to := range e.Recipients {
		m.Recipients = append(m.Recipients, tidy(to))
	}
	var err error
	if m.SizeBytes, err = io.Copy(raw, io.LimitReader(r, b.limits.Message+1)); err != nil {
		return m, err
	}
	if m.SizeBytes > b.limits.Message {
		return m, fmt.Errorf("the message has more than %d bytes", b.limits.Message)
	}
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return m, err
	}
	read(raw, 0, nil).describe(&m)
	return m, nil
}

// settle gives a received message its name.
func (b *Boxes) settle(dir, raw string, m *wire.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.ID = b.identify()
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	at := filepath.Join(dir, m.ID)
	if err := os.Rename(raw, at+rawEnd); err != nil {
		return err
	}
	half := filepath.Join(dir, partial+m.ID)
	err = os.WriteFile(half, text, 0o600)
	if err == nil {
		err = os.Rename(half, at+knownEnd)
	}
	if err != nil {
		_ = os.Remove(half)
		_ = os.Remove(at + rawEnd)
		return err
	}
	return b.bound(dir)
}

// bound lets the oldest go.
func (b *Boxes) bound(dir string) error {
	all, err := ids(dir)
	if err != nil {
		return err
	}
	total := int64(0)
	for i, id := range all {
		if info, err := os.Lstat(filepath.Join(dir, id+rawEnd)); err == nil {
			total += info.Size()
		}
		if i > 0 && (i >= b.limits.Count || total > b.limits.Total) {
			if err := remove(dir, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tidy takes away what a server that ended left half received.
func (b *Boxes) Tidy(environment string) error {
	dir, err := b.box(environment)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	whole, err := ids(dir)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, id := range whole {
		kept[id] = true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil //nolint:nilerr // nothing was received yet
	}
	for _, e := range entries {
		id, raw := strings.CutSuffix(e.Name(), rawEnd)
		if strings.HasPrefix(e.Name(), partial) || raw && !kept[id] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
