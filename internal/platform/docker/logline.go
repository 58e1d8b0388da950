package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"offshoot/internal/platform"
)

// The streams of a line; own are remarks of Offshoot's.
const stdout, stderr, own = "stdout", "stderr", "offshoot"

// engineLog reads the engine's log of one container, line by line.
type engineLog struct {
	name, service string
	body          io.ReadCloser
	in            *bufio.Reader
	// raw is whether its streams are one, without frames: that of a terminal.
	raw bool
	// begun are lines that have no end yet: the engine cuts long ones.
	begun map[string]platform.LogLine
}

// openLog begins at since, or at the last lines where tail is not negative.
func (d *Driver) openLog(ctx context.Context, name string, c container.Summary, since time.Time, tail int, follow bool) (*engineLog, error) {
	o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: follow}
	if !since.IsZero() {
		o.Since = strconv.FormatInt(since.Unix(), 10) + "." + since.Format("000000000")
	}
	if tail >= 0 {
		o.Tail = strconv.Itoa(tail)
	}
	look, _, err := d.inspect(ctx, name)
	if err != nil {
		return nil, err
	}
	body, err := d.client.ContainerLogs(ctx, c.ID, o)
	if errdefs.IsConflict(err) { // it is being removed: what it said is kept by then
		return nil, missing{err}
	}
	if err != nil {
		return nil, d.fault(ctx, "read a log", err)
	}
	return &engineLog{name: name, service: c.Labels[labelService], body: body, in: bufio.NewReader(body), raw: look.Config.Tty, begun: map[string]platform.LogLine{}}, nil
}

func (l *engineLog) close() { _ = l.body.Close() }

// next is the next line, io.EOF after the last.
func (l *engineLog) next() (platform.LogLine, error) {
	for {
		stream, text, err := l.message()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return l.rest()
		}
		if err != nil {
			return platform.LogLine{}, err
		}
		stamp, rest, _ := bytes.Cut(text, []byte(" "))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil {
			continue // nothing of a log's
		}
		line, ok := l.begun[stream]
		if !ok {
			line = platform.LogLine{At: at.UTC(), Name: l.name, Service: l.service, Stream: stream}
		}
		line.Text = append(line.Text, rest...)
		if end := bytes.HasSuffix(line.Text, []byte("\n")); end || len(line.Text) > longestLine {
			line.Text = bytes.TrimSuffix(bytes.TrimSuffix(line.Text, []byte("\n")), []byte("\r"))
			delete(l.begun, stream)
			return line, nil
		}
		l.begun[stream] = line
	}
}

// longestLine bounds what is held of a line that does not end.
const longestLine = 1 << 20

// rest are lines that never got an end.
func (l *engineLog) rest() (platform.LogLine, error) {
	for stream, line := range l.begun {
		delete(l.begun, stream)
		return line, nil
	}
	return platform.LogLine{}, io.EOF
}

// message is one of the engine's: a frame (a stream's number, three zeros, the
// length) or a line of a terminal.
func (l *engineLog) message() (stream string, text []byte, err error) {
	if l.raw {
		text, err = l.in.ReadBytes('\n')
		if len(text) > 0 {
			err = nil
		}
		return stdout, text, err
	}
	var head [8]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return "", nil, err
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size > longestLine {
		return "", nil, errors.New("the engine's log is no log")
	}
	text = make([]byte, size)
	_, err = io.ReadFull(l.in, text)
	if head[0] == 2 {
		return stderr, text, err
	}
	return stdout, text, err
}
