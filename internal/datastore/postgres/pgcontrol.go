package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
)

// From src/include/catalog/pg_control.h, unchanged since version 11: where in
// global/pg_control the state, the redo position of the last checkpoint and
// its timeline stand.
const (
	controlState    = 16
	controlRedo     = 40
	controlTimeline = 48
	controlLength   = 52
	// stateShutDown is a clean stop.
	stateShutDown = 1
	// walSegment is the size of a file of WAL, as our initdb leaves it.
	walSegment = 16 << 20
)

// control is what a data directory says of its last checkpoint.
type control struct {
	stopped  bool
	redo     uint64
	timeline uint32
}

func readControl(data string) (control, error) {
	text, err := readWithin(data, "global/pg_control")
	if err != nil {
		return control{}, err
	}
	if len(text) < controlLength {
		return control{}, errors.New("global/pg_control is cut off")
	}
	order := binary.NativeEndian // the files are of this machine
	return control{stopped: order.Uint32(text[controlState:]) == stateShutDown, redo: order.Uint64(text[controlRedo:]),
		timeline: order.Uint32(text[controlTimeline:])}, nil
}

// segmentOf names the file of WAL that holds a position.
func segmentOf(timeline uint32, position uint64) string {
	n := position / walSegment
	perID := uint64(1<<32) / walSegment
	return fmt.Sprintf("%08X%08X%08X", timeline, n/perID, n%perID)
}

var segmentName = regexp.MustCompile(`^[0-9A-F]{24}$`)

// trimWAL removes all files of WAL of a cleanly stopped cluster but the one
// that its next start reads. Where anything is not as expected it keeps all.
func trimWAL(data string) error {
	c, err := readControl(data)
	if err != nil || !c.stopped {
		return err
	}
	wal, err := openWithin(data, "pg_wal")
	if err != nil {
		return err
	}
	defer func() { _ = wal.Close() }()
	needed := segmentOf(c.timeline, c.redo)
	if info, err := wal.Stat(needed); err != nil || info.Size() != walSegment {
		return nil //nolint:nilerr // not laid out as ours: nothing is known of the rest
	}
	entries, err := fs.ReadDir(wal.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if segmentName.MatchString(e.Name()) && e.Name() != needed {
			if err := wal.Remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
