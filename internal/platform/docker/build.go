package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// buildRecord is what is known of a build. It ends with its server and leaves
// nothing but what the engine has cached: without an end it is absent, and begins
// with the next Apply.
type buildRecord struct {
	SpecHash string         `json:"spec_hash"`
	Began    time.Time      `json:"began"`
	Ended    time.Time      `json:"ended,omitzero"`
	Artifact string         `json:"artifact,omitempty"`
	Code     int            `json:"code"`
	Reason   string         `json:"reason,omitempty"`
	Ending   staging.Ending `json:"ending,omitempty"`
	// Failure is set where more is known of how it failed than Reason.
	Failure *staging.Failure `json:"failure,omitempty"`
	// Images are what the specification's pulls got.
	Images map[string]staging.UsedImage `json:"images,omitempty"`
}

// builds are those under way, by name.
type builds struct {
	mu    sync.Mutex
	going map[string]*building
}

type building struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (b *builds) get(name string) *building {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.going[name]
}

// put has a build under name, nil for none.
func (b *builds) put(name string, of *building) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.going == nil {
		b.going = map[string]*building{}
	}
	if of == nil {
		delete(b.going, name)
	} else {
		b.going[name] = of
	}
}

// Kept implements platform.Keeper.
func (d *Driver) Kept(owner string, b staging.BuildSpec) string {
	if d.builder == nil || !ownerName.MatchString(owner) {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	artifact, err := d.builder.Kept(ctx, b)
	if err != nil {
		d.log.Warn("look for an earlier build", "owner", owner, "error", err)
		return ""
	}
	if _, err := os.Stat(d.keptCheckout(artifact)); err != nil {
		return ""
	}
	return artifact
}

// applyBuild begins a build unless it has begun. Its owner's scope may come later.
func (d *Driver) applyBuild(ctx context.Context, r platform.Resource) error {
	if r.Build == nil {
		return errors.New("nothing says what to build")
	}
	if d.builder == nil {
		return staging.NotBuilt("building images")
	}
	if err := d.isHere(ctx); err != nil {
		return err
	}
	known, err := d.buildOf(r.Name)
	if err == nil && known.SpecHash != r.SpecHash {
		return staging.Errorf(staging.CodeInternal, "", "another specification has this name already")
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	record := buildRecord{SpecHash: r.SpecHash, Began: time.Now().UTC()}
	if err := writeFile(d.file(r.Name), record); err != nil {
		return err
	}
	living, cancel := context.WithCancel(d.living)
	b := &building{cancel, make(chan struct{})}
	d.builds.put(r.Name, b)
	spec := *r.Build
	d.life.Go(func() {
		defer close(b.done)
		defer cancel()
		d.build(living, r.Name, spec, record)
	})
	return nil
}

// buildOf is a build that goes on or has ended; fs.ErrNotExist for what was cut
// off with its server.
func (d *Driver) buildOf(name string) (buildRecord, error) {
	var known buildRecord
	going := d.builds.get(name) != nil // before the record: an end is written first
	if err := readFile(d.file(name), &known); err != nil {
		return known, err
	}
	if known.Ended.IsZero() && !going {
		return known, fs.ErrNotExist
	}
	return known, nil
}

// build runs one and writes down how it ended, unless it was ended with its
// server or deleted.
func (d *Driver) build(ctx context.Context, name string, spec staging.BuildSpec, record buildRecord) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if spec.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, spec.Timeout)
	}
	defer cancel()
	log, err := d.beginLog(name)
	if err == nil {
		tell := func(text string, far bool) {
			log.say(text, far)
			d.events.tell(name)
		}
		record.Images, err = d.get(limited, spec, tell)
		if err == nil {
			record.Artifact, err = d.builder.Build(limited, spec, tell)
		}
		err = errors.Join(err, log.file.Close())
	}
	if err == nil {
		err = d.keepCheckout(limited, record.Artifact, spec.Checkout)
	}
	record.Ended = time.Now().UTC()
	var known *staging.Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		d.builds.put(name, nil)
		return
	case limited.Err() != nil:
		record.Code, record.Reason, record.Ending = codeTimeout, "ran longer than "+spec.Timeout.String(), staging.EndingTime
	default:
		record.Code, record.Reason = 1, err.Error()
		if errors.As(err, &known) {
			record.Failure = known.Failure
		}
		if f := record.Failure; f != nil && f.ExitCode != nil && *f.ExitCode != 0 {
			record.Code = *f.ExitCode
		}
	}
	if err := writeFile(d.file(name), record); err != nil {
		d.log.Error("write down the end of a build", "name", name, "error", err)
	}
	d.builds.put(name, nil)
	d.events.tell(name)
}

// get gets the images of elsewhere, one after the other: they share a line to
// their registry as a rule.
func (d *Driver) get(ctx context.Context, spec staging.BuildSpec, tell Tell) (map[string]staging.UsedImage, error) {
	got := map[string]staging.UsedImage{}
	for _, p := range spec.Pulls {
		of := func(text string, far bool) { tell(p.Name+": "+text, far) }
		if !p.Fresh {
			if err := d.builder.Pull(ctx, spec.Project, p.Ref, of); err != nil {
				return nil, ofService(p.Name, err)
			}
			continue
		}
		used, err := d.builder.Get(ctx, spec.Project, p.Ref, of)
		if err != nil {
			return nil, ofService(p.Name, err)
		}
		got[p.Name] = used
	}
	return got, nil
}

// ofService says whose image an error is about.
func ofService(name string, err error) error {
	var known *staging.Error
	if errors.As(err, &known) && known.Failure != nil && known.Failure.Service == "" {
		known.Failure.Service = name
	}
	return err
}

func (d *Driver) observeBuild(ref platform.Ref) (staging.Observation, error) {
	known, err := d.buildOf(ref.Name)
	if err != nil {
		return staging.Observation{}, err
	}
	o := staging.Observation{Presence: staging.Present, SpecHash: known.SpecHash, Run: staging.RunRunning, StartedAt: known.Began}
	if !known.Ended.IsZero() {
		o.Run, o.ExitedAt, o.ExitCode, o.Ref, o.Reason, o.Ending = staging.RunExited, known.Ended, &known.Code, known.Artifact, known.Reason, known.Ending
		o.Failure, o.Images = known.Failure, known.Images
	}
	return o, nil
}

// deleteBuild ends it and forgets it; its images stay for others.
func (d *Driver) deleteBuild(ctx context.Context, ref platform.Ref) error {
	if b := d.builds.get(ref.Name); b != nil {
		b.cancel()
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return removeFile(d.file(ref.Name))
}

// buildLog is where a build's lines go: the same file as those of containers
// that are gone.
type buildLog struct {
	mu   sync.Mutex
	file *os.File
	left int
}

func (d *Driver) beginLog(name string) (*buildLog, error) {
	file := d.keptFile(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		if _, err := f.WriteString("build\n"); err != nil { // as whose it is read
			return nil, errors.Join(err, f.Close())
		}
	}
	return &buildLog{file: f, left: keptOfOne}, nil
}

func (l *buildLog) say(text string, far bool) {
	stream := stdout
	if far {
		stream = own
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left <= 0 {
		return
	}
	n, _ := fmt.Fprintf(l.file, "%s %c %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream[3], text) // a full disk costs the line alone
	l.left -= n
	if l.left <= 0 {
		_, _ = fmt.Fprintf(l.file, "%s %c %s\n", time.Now().UTC().Format(time.RFC3339Nano), stdout[3], "the rest of what it said is left out")
	}
}
