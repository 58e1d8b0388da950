package docker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"offshoot/internal/fence"
	"offshoot/internal/platform"
	"offshoot/internal/staging"
)

// Driver implements platform.Driver, Logger, Attacher, Rester, Preparer, Keeper,
// Fetcher, Watcher and Lookout.
type Driver struct {
	dir  string
	id   string
	log  *slog.Logger
	pool netip.Prefix
	// holder is a copy of Config.Holder, which is program, once it was kept.
	program, holder string
	keeping         sync.Mutex
	kept            bool
	engine
	here    here
	builder Builder
	traits  platform.Traits

	turns turns
	// allotting is held while a subnet, an address or a port is chosen.
	allotting sync.Mutex
	// recording is held while it is written down how a task ended.
	recording sync.Mutex
	ahead     ahead
	events    events
	limits    limits
	builds    builds
	watching  watching

	// fence is what keeps environments apart; unfenced is why it is not there.
	fence    *fence.Fence
	unfenced string
	// enclosing is held while it is told of a network, confining while it changes
	// what one may reach outside.
	enclosing, confining sync.Mutex
	findName             func(ctx context.Context, name string) ([]netip.Addr, error)
	// telling guards what follows, and is held for moments. bridges are the owners
	// of those that are fenced.
	telling  sync.Mutex
	bridges  map[string]string
	confined map[string]*confined
	blocked  map[string]*blocked

	// living ends with Close, life is what it waits for.
	living context.Context
	ends   func()
	life   sync.WaitGroup
}

// defaultPool is a part of the private addresses (RFC 1918) that engines and
// home networks seldom use.
var defaultPool = [...]byte{10, 213, 0, 0}

// New is a driver. It needs no engine that answers: until one does everything is
// unknown. What an earlier server paused goes on, and what ran into its time
// limit meanwhile ends, once it does.
func New(c Config) (*Driver, error) {
	if !filepath.IsAbs(c.Dir) {
		return nil, staging.Errorf(staging.CodeUsage, "choose an absolute path", "data directory %q", c.Dir)
	}
	if !c.Pool.IsValid() {
		c.Pool = netip.PrefixFrom(netip.AddrFrom4(defaultPool), 16)
	}
	if !c.Pool.Addr().Is4() || c.Pool.Bits() > subnetBits {
		return nil, staging.Errorf(staging.CodeUsage, "choose one of IPv4 that holds a /24, such as 10.213.0.0/16", "the pool of addresses %s", c.Pool)
	}
	d := &Driver{dir: filepath.Join(c.Dir, "docker"), log: c.Log, pool: c.Pool.Masked(),
		turns: turns{taken: map[string]chan struct{}{}}, limits: limits{timers: map[string]func() bool{}}, ahead: ahead{pipes: map[string]*os.File{}}}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the driver: %w", err)
	}
	var err error
	if d.id, err = identity(filepath.Join(d.dir, "id")); err != nil {
		return nil, err
	}
	if d.engine, err = dial(c.Host); err != nil {
		return nil, err
	}
	d.engine.log = c.Log
	if c.Builder != nil {
		if d.builder, err = c.Builder(d.client, d.id); err != nil {
			return nil, err
		}
	}
	if err := d.hangUp(context.Background(), d.id+"."); err != nil { // commands whose users went with an earlier server
		return nil, err
	}
	d.living, d.ends = context.WithCancel(context.Background())
	if c.Holder != "" {
		d.program, d.holder = c.Holder, filepath.Join(d.dir, "hold")
	}
	d.events.init()
	d.fence, d.findName = fence.New(d.id, c.Open...), c.Find
	d.bridges, d.confined, d.blocked = map[string]string{}, map[string]*confined{}, map[string]*blocked{}
	d.unfenced = d.raise()
	d.traits = d.look()
	d.life.Go(func() { d.follow(d.living) })
	d.life.Go(func() { d.mend(d.living) })
	return d, nil
}

// identity is the data directory's own name on an engine, made by the first who
// asks.
func identity(file string) (string, error) {
	var id string
	err := readFile(file, &id)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	id = hex.EncodeToString(random[:])
	return id, writeFile(file, id)
}

// Close lets go of the engine. What runs goes on.
func (d *Driver) Close() error {
	d.ends()
	d.limits.end()
	d.life.Wait()
	err := d.collect()
	for owner := range maps.Clone(d.confined) {
		d.unconfine(owner)
	}
	return errors.Join(err, d.client.Close())
}

// Traits implements platform.Driver.
func (d *Driver) Traits() platform.Traits { return d.traits }

// Apply implements platform.Driver.
func (d *Driver) Apply(ctx context.Context, r platform.Resource) (staging.Observation, error) {
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if err := check(ref); err != nil {
		return staging.Observation{}, err
	}
	giveBack, err := d.turns.take(ctx, r.Name)
	if err != nil {
		return staging.Observation{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	defer giveBack()
	switch r.Kind {
	case staging.ResourceScope:
		err = d.applyScope(ctx, r)
	case staging.ResourceEndpoint:
		err = d.applyEndpoint(r)
	case staging.ResourceWorkload, staging.ResourceTask:
		err = d.applyContainer(ctx, r)
	case staging.ResourceBuild:
		err = d.applyBuild(ctx, r)
	default:
		err = none(r.Kind)
	}
	if err != nil {
		return staging.Observation{}, named(r.Name, err)
	}
	d.events.tell(r.Name)
	return d.Observe(ctx, ref)
}

func none(kind staging.ResourceKind) error {
	return staging.Errorf(staging.CodeInternal, "", "the Docker platform makes no %s", kind)
}

// named says of what an error is.
func named(name string, err error) error {
	var known *staging.Error
	if !errors.As(err, &known) {
		return fmt.Errorf("%s: %w", name, err)
	}
	own := *known
	own.Message, own.Err = name+": "+known.Message, err
	return &own
}

// Observe implements platform.Driver.
func (d *Driver) Observe(ctx context.Context, ref platform.Ref) (staging.Observation, error) {
	if err := check(ref); err != nil {
		return staging.Observation{}, err
	}
	var o staging.Observation
	var err error
	switch ref.Kind {
	case staging.ResourceScope:
		o, err = d.observeScope(ctx, ref)
	case staging.ResourceEndpoint:
		o, err = d.observeEndpoint(ref)
	case staging.ResourceWorkload, staging.ResourceTask:
		o, err = d.observeContainer(ctx, ref)
	case staging.ResourceBuild:
		o, err = d.observeBuild(ref)
	default:
		return o, none(ref.Kind)
	}
	o.Kind, o.Name, o.Owner = ref.Kind, ref.Name, ref.Owner
	switch {
	case errors.Is(err, errMissing), errors.Is(err, fs.ErrNotExist):
		o.Presence = staging.Absent
	case err != nil:
		o.Presence, o.Reason = staging.Unknown, advised(err)
	}
	return o, nil
}

// advised is an error with what to do about it.
func advised(err error) string {
	var known *staging.Error
	if errors.As(err, &known) && known.Hint != "" {
		return err.Error() + " (" + known.Hint + ")"
	}
	return err.Error()
}

// Delete implements platform.Driver.
func (d *Driver) Delete(ctx context.Context, ref platform.Ref) error {
	if err := check(ref); err != nil {
		return err
	}
	giveBack, err := d.turns.take(ctx, ref.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", ref.Name, err)
	}
	defer giveBack()
	switch ref.Kind {
	case staging.ResourceScope:
		err = d.deleteScope(ctx, ref)
	case staging.ResourceEndpoint:
		err = d.deleteEndpoint(ref)
	case staging.ResourceWorkload, staging.ResourceTask:
		err = d.deleteContainer(ctx, ref)
	case staging.ResourceBuild:
		err = d.deleteBuild(ctx, ref)
	default:
		err = none(ref.Kind)
	}
	if err != nil {
		return named(ref.Name, err)
	}
	d.events.tell(ref.Name)
	return nil
}

// home is the folder of an owner.
func (d *Driver) home(owner string) string { return filepath.Join(d.dir, "env", owner) }

// file is where what the engine cannot keep of a resource lies.
func (d *Driver) file(name string) string {
	owner, rest, _ := strings.Cut(name, "/")
	return filepath.Join(d.home(owner), filepath.FromSlash(rest))
}
