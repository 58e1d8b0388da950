//go:build linux

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"offshoot/internal/platform"
	"offshoot/internal/platform/process/cgroup"
	"offshoot/internal/staging"
)

// Driver implements platform.Driver, Logger, Attacher, Pauser, Preparer
// and Watcher.
type Driver struct {
	dir     string
	log     *slog.Logger
	boot    string
	cgroups cgroup.Hierarchies
	// memory is what the machine has, in bytes, 0 where that is not known.
	memory int64
	// shim is the small program that runs as the shim, nil for this one.
	shim *os.File
	path toolchains
	abilities
	silence time.Duration

	portClaims, userClaims claims

	turns turns
	ahead ahead
	// mu guards the allotment of user ids and ports, and publishing.
	mu sync.Mutex
	// holds are the paused instances of this server.
	holding sync.Mutex
	holds   map[string]hold
	watchers
}

// New looks at the host and finds, by trying, how far it lets workloads be
// kept apart. What an earlier server paused goes on.
func New(c Config) (*Driver, error) {
	if strings.ContainsAny(c.Dir, ":,\\\n") || !filepath.IsAbs(c.Dir) {
		return nil, staging.Errorf(staging.CodeUsage, "choose an absolute path without colon, comma and backslash", "data directory %q", c.Dir)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	groups, err := cgroup.Find("/proc/self")
	if err != nil {
		return nil, err
	}
	program, err := shimProgram()
	if err != nil {
		return nil, err
	}
	d := &Driver{dir: filepath.Join(c.Dir, "env"), log: c.Log, boot: strings.TrimSpace(string(boot)), cgroups: groups, memory: groups.Memory(), shim: program,
		portClaims: claims{"port"}, userClaims: claims{"uid"}, holds: map[string]hold{}, ahead: ahead{shims: map[string]*waiting{}}, silence: cmp.Or(c.Silence, silence)}
	if err := os.MkdirAll(d.dir, 0o711); err != nil {
		return nil, fmt.Errorf("folder of environments: %w", err)
	}
	if err := d.settle(c.Shape, cmp.Or(c.Patience, patience)); err != nil {
		return nil, err
	}
	if err := d.Seclude(d.dir); err != nil {
		return nil, fmt.Errorf("folder of environments: %w", err)
	}
	d.path = findToolchains(cmp.Or(c.Path, os.Getenv("PATH")), d.abilities)
	if err := d.reclaim(); err != nil {
		return nil, fmt.Errorf("claim what is allotted: %w", err)
	}
	return d, d.thaw()
}

// Traits implements platform.Driver.
func (d *Driver) Traits() platform.Traits {
	return platform.Traits{Name: "process", Grain: platform.GrainWorkload, EndsWithHost: true, Lacks: d.lacks(), Isolation: d.isolation()}
}

var (
	ownerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	restName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)
)

// Apply implements platform.Driver.
func (d *Driver) Apply(ctx context.Context, r platform.Resource) (staging.Observation, error) {
	ref := platform.Ref{Kind: r.Kind, Name: r.Name, Owner: r.Owner}
	if err := d.check(ref); err != nil {
		return staging.Observation{}, err
	}
	giveBack, err := d.turns.take(ctx, r.Name)
	if err != nil {
		return staging.Observation{}, err
	}
	defer giveBack()
	switch r.Kind {
	case staging.ResourceScope:
		err = d.applyScope(r)
	case staging.ResourceEndpoint:
		err = d.applyEndpoint(r)
	case staging.ResourceWorkload, staging.ResourceTask:
		err = d.applyInstance(ctx, r)
	case staging.ResourceBuild:
		err = d.applyBuild(ctx, r)
	default:
		return staging.Observation{}, staging.Errorf(staging.CodeInternal, "", "the process platform makes no %s", r.Kind)
	}
	if err != nil {
		return staging.Observation{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	return d.Observe(ctx, ref)
}

func (d *Driver) check(ref platform.Ref) error {
	rest, ok := strings.CutPrefix(ref.Name, ref.Owner+"/"+string(ref.Kind)+"/")
	if !ok || !ownerName.MatchString(ref.Owner) || !restName.MatchString(rest) || strings.HasSuffix(rest, partial) {
		return staging.Errorf(staging.CodeInternal, "", "%q is no name of a %s of %q", ref.Name, ref.Kind, ref.Owner)
	}
	return nil
}

// Observe implements platform.Driver.
func (d *Driver) Observe(_ context.Context, ref platform.Ref) (staging.Observation, error) {
	if err := d.check(ref); err != nil {
		return staging.Observation{}, err
	}
	var o staging.Observation
	var err error
	switch ref.Kind {
	case staging.ResourceScope:
		o, err = d.observeScope(ref)
	case staging.ResourceEndpoint:
		o, err = d.observeEndpoint(ref)
	case staging.ResourceWorkload, staging.ResourceTask:
		o, err = d.observeInstance(ref)
	case staging.ResourceBuild:
		o, err = d.observeBuild(ref)
	default:
		return o, staging.Errorf(staging.CodeInternal, "", "the process platform makes no %s", ref.Kind)
	}
	o.Kind, o.Name, o.Owner = ref.Kind, ref.Name, ref.Owner
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Presence = staging.Absent
	case err != nil:
		o.Presence, o.Reason = staging.Unknown, err.Error()
	}
	return o, nil
}

// Delete implements platform.Driver.
func (d *Driver) Delete(ctx context.Context, ref platform.Ref) error {
	if err := d.check(ref); err != nil {
		return err
	}
	giveBack, err := d.turns.take(ctx, ref.Name)
	if err != nil {
		return err
	}
	defer giveBack()
	switch ref.Kind {
	case staging.ResourceScope:
		err = d.deleteScope(ctx, ref)
	case staging.ResourceEndpoint:
		err = d.deleteEndpoint(ref)
	case staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild:
		err = d.deleteInstance(ctx, ref)
	default:
		err = staging.Errorf(staging.CodeInternal, "", "the process platform makes no %s", ref.Kind)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List implements platform.Driver.
func (d *Driver) List(ctx context.Context, owner string) ([]staging.Observation, error) {
	owners := []string{owner}
	if owner == "" {
		entries, err := os.ReadDir(d.dir)
		if err != nil {
			return nil, fmt.Errorf("list environments: %w", err)
		}
		owners = owners[:0]
		for _, e := range entries {
			owners = append(owners, e.Name())
		}
	}
	var all []staging.Observation
	for _, o := range owners {
		if !ownerName.MatchString(o) {
			return nil, fmt.Errorf("%s holds %q, which is not ours", d.dir, o)
		}
		found, err := d.inventory(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// inventory is everything in an owner's folder. What lies there without
// running is still ours and still to be removed.
func (d *Driver) inventory(ctx context.Context, owner string) ([]staging.Observation, error) {
	var found []staging.Observation
	if _, err := os.Lstat(filepath.Join(d.dir, owner)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	scope := owner + "/" + string(staging.ResourceScope) + "/0"
	found = append(found, staging.Observation{Kind: staging.ResourceScope, Name: scope, Owner: owner, Presence: staging.Present})
	for _, kind := range []staging.ResourceKind{staging.ResourceEndpoint, staging.ResourceWorkload, staging.ResourceTask, staging.ResourceBuild} {
		entries, err := os.ReadDir(filepath.Join(d.dir, owner, string(kind)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list %s of %s: %w", kind, owner, err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), partial) {
				continue
			}
			o, err := d.Observe(ctx, platform.Ref{Kind: kind, Owner: owner, Name: owner + "/" + string(kind) + "/" + e.Name()})
			if err != nil {
				return nil, err
			}
			o.Presence = staging.Present
			found = append(found, o)
		}
	}
	return found, nil
}
