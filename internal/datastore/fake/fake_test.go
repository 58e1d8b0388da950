package fake_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"offshoot/internal/datastore"
	"offshoot/internal/datastore/datastoretest"
	"offshoot/internal/datastore/fake"
	"offshoot/internal/fault"
	platform "offshoot/internal/platform/fake"
	"offshoot/internal/staging"
)

func TestConformance(t *testing.T) {
	datastoretest.Run(t, func(t *testing.T) datastoretest.World {
		w := platform.NewWorld(platform.Options{})
		t.Cleanup(w.Close)
		return datastoretest.World{Driver: fake.New("postgres", func(c datastore.Clone) bool { return w.Running(c.Owner + "/workload/data.db") }),
			Platform: w.Open(), Dir: t.TempDir(), Store: staging.Datastore{Name: "db", Kind: "postgres", User: "app"}, Missing: "9999", Open: true,
			Put: func(_ context.Context, c datastore.Clone, _ datastore.Serving, text string) error {
				if text != "" {
					text = " " + text // the first byte is the schema
				}
				return fake.Put(c.Dir, text)
			},
			Get: func(_ context.Context, c datastore.Clone, _ datastore.Serving) (string, error) {
				text, err := fake.Read(c.Dir)
				return text[min(1, len(text)):], err
			},
			Migrations: []func(context.Context, datastore.Serving) error{func(_ context.Context, s datastore.Serving) error {
				u, err := url.Parse(s.URL)
				return errors.Join(err, fake.Put(u.Path, "2"))
			}}}
	})
}

func TestFaults(t *testing.T) {
	d := fake.New("postgres", nil)
	c := datastore.Clone{Name: "env_a/clone/db.0", Dir: t.TempDir() + "/db"}
	for _, c2 := range []struct {
		effect fault.Effect
		made   bool
	}{{fault.Fail, false}, {fault.Lose, true}} {
		d.Break(fault.Fault{Method: fake.Make, Nth: 1, Effect: c2.effect})
		if _, err := d.Make(t.Context(), c, nil); !errors.Is(err, fault.ErrInjected) {
			t.Errorf("%s: %v", c2.effect, err)
		}
		if _, err := fake.Read(c.Dir); (err == nil) != c2.made {
			t.Errorf("%s: %v", c2.effect, err)
		}
	}
}
