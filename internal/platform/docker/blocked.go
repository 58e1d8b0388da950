package docker

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"offshoot/internal/platform"
)

// mostBlocked is how much is remembered of what an environment was kept from: the
// oldest is forgotten.
const mostBlocked = 500

// attempt is what of a blocked connection tells it from others.
type attempt struct {
	host, protocol string
	port           int
}

// blocked is what an environment was kept from.
type blocked struct {
	list map[attempt]platform.Blocked
	// unsaved is whether the file does not have it all.
	unsaved bool
}

func (d *Driver) blockedFile(owner string) string {
	return filepath.Join(d.home(owner), "blocked.json")
}

// Blocked implements platform.Confiner.
func (d *Driver) Blocked(_ context.Context, owner string) ([]platform.Blocked, error) {
	if err := d.collect(); err != nil {
		return nil, err
	}
	d.telling.Lock()
	defer d.telling.Unlock()
	list := slices.Collect(maps.Values(d.blockedOf(owner).list))
	slices.SortFunc(list, func(a, b platform.Blocked) int { return b.Last.Compare(a.Last) })
	return list, nil
}

// blockedOf is with telling held. What a file that cannot be read says is lost.
func (d *Driver) blockedOf(owner string) *blocked {
	b := d.blocked[owner]
	if b == nil {
		b = &blocked{list: map[attempt]platform.Blocked{}}
		var list []platform.Blocked
		if err := readFile(d.blockedFile(owner), &list); err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("what was blocked before is not known any more", "environment", owner, "error", err)
		}
		for _, x := range list {
			b.list[attempt{x.Host, x.Protocol, x.Port}] = x
		}
		d.blocked[owner] = b
	}
	return b
}

func (d *Driver) turnedAway(owner string, x platform.Blocked) {
	d.telling.Lock()
	defer d.telling.Unlock()
	b := d.blockedOf(owner)
	key := attempt{x.Host, x.Protocol, x.Port}
	if before, ok := b.list[key]; ok {
		x.First, x.Count = before.First, x.Count+before.Count
	}
	b.list[key], b.unsaved = x, true
	if len(b.list) > mostBlocked {
		oldest := key
		for k, v := range b.list {
			if v.Last.Before(b.list[oldest].Last) {
				oldest = k
			}
		}
		delete(b.list, oldest)
	}
}

// collect asks the fence what was turned away, and writes down what is new.
func (d *Driver) collect() error {
	if d.unfenced != "" {
		return nil
	}
	turned, err := d.fence.Turned()
	if err != nil {
		return err
	}
	for _, t := range turned {
		d.telling.Lock()
		owner, known := d.bridges[t.Bridge]
		host := t.Address.String()
		if c := d.confined[owner]; c != nil && c.named[t.Address] != "" {
			host = c.named[t.Address]
		}
		d.telling.Unlock()
		if known {
			d.turnedAway(owner, platform.Blocked{Host: host, Port: int(t.Port), Protocol: t.Protocol, Count: int64(t.Count), First: t.Last.UTC(), Last: t.Last.UTC()})
		}
	}
	return d.save()
}

// save writes what is not written yet of environments that are still there.
func (d *Driver) save() error {
	d.enclosing.Lock()
	defer d.enclosing.Unlock()
	unsaved := map[string][]platform.Blocked{}
	d.telling.Lock()
	for _, owner := range d.bridges {
		if b := d.blocked[owner]; b != nil && b.unsaved {
			unsaved[owner], b.unsaved = slices.Collect(maps.Values(b.list)), false
		}
	}
	d.telling.Unlock()
	var errs []error
	for owner, list := range unsaved {
		errs = append(errs, writeFile(d.blockedFile(owner), list))
	}
	return errors.Join(errs...)
}
