package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// door is an admission whose kicks are remembered.
type door struct {
	*admission
	mu     sync.Mutex
	kicked []string
	full   string
}

func newDoor(slots int) *door {
	d := &door{}
	d.admission = newAdmission(slots, func() string { d.mu.Lock(); defer d.mu.Unlock(); return d.full }, time.Now, func(id string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.kicked = append(d.kicked, id)
	})
	return d
}

func (d *door) let() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.kicked
	d.kicked = nil
	return list
}

func TestOnlySoManyAtATimeAndTheRestInOrder(t *testing.T) {
	d := newDoor(2)
	for i := range 5 {
		if ok := d.enter(fmt.Sprint(i), "shop", creating); ok != (i < 2) {
			t.Errorf("%d is let in: %t", i, ok)
		}
	}
	if d.enter("3", "shop", creating) {
		t.Error("asking twice helps")
	}
	d.leave("0")
	if got := d.let(); !slices.Equal(got, []string{"2"}) {
		t.Errorf("%v is next", got)
	}
	d.leave("3") // it no longer wants to
	d.leave("1")
	if got := d.let(); !slices.Equal(got, []string{"4"}) {
		t.Errorf("%v is next", got)
	}
	d.leave("nobody")
	if got := d.let(); got != nil {
		t.Errorf("%v", got)
	}
}

func TestWhatIsUrgentNeverWaitsForWhatIsNot(t *testing.T) {
	d := newDoor(2)
	for i := range 50 {
		d.enter(fmt.Sprint("create", i), "shop", creating)
	}
	for _, x := range []struct {
		id string
		c  class
	}{{"deploy", deploying}, {"destroy", destroying}, {"wake", waking}} {
		if !d.enter(x.id, "shop", x.c) {
			t.Errorf("%s waits for creates", x.id)
		}
	}
	for i := range 20 {
		d.enter(fmt.Sprint("wake", i), "shop", waking)
	}
	d.let()
	d.enter("late deploy", "shop", deploying)
	for len(d.running) > 2 { // all but the creates end, one after the other
		for id := range d.running {
			if !strings.HasPrefix(id, "create") {
				d.leave(id)
				break
			}
		}
	}
	if got := d.let(); !slices.Contains(got, "late deploy") || slices.ContainsFunc(got, func(id string) bool { return strings.HasPrefix(id, "create") }) {
		t.Errorf("%v were let in", got)
	}
}

func TestProjectsTakeTurns(t *testing.T) {
	d := newDoor(1)
	d.enter("first", "large", creating)
	for i := range 20 {
		d.enter(fmt.Sprint("large", i), "large", creating)
	}
	d.enter("small0", "small", creating)
	d.enter("small1", "small", creating)
	var order []string
	for next := []string{"first"}; len(next) > 0; next = d.let() {
		order = append(order, next[0])
		d.leave(next[0])
	}
	if !slices.Equal(order[:5], []string{"first", "small0", "large0", "small1", "large1"}) || len(order) != 23 {
		t.Errorf("%v", order)
	}
}

func TestNothingNewIsBegunWhereTheDiskIsFull(t *testing.T) {
	d := newDoor(2)
	d.full = "3 % is free"
	if d.enter("new", "shop", creating) {
		t.Error("begun on a full disk")
	}
	if !d.enter("redeploy", "shop", deploying) {
		t.Error("a redeploy waits for space")
	}
	e := &Engine{admission: d.admission}
	if waiting, running, slots := e.Queue(); len(waiting) != 1 || waiting[0].Place != 1 || running != 1 || slots != 2 ||
		waiting[0].Reason != "waits for space: 3 % is free; place 1 of 1" {
		t.Errorf("%v %d %d", waiting, running, slots)
	}
	d.mu.Lock()
	d.full = ""
	d.mu.Unlock()
	if !d.enter("new", "shop", creating) {
		t.Error("space is back")
	}
}

// A storm: never too many, nobody is forgotten.
func TestEveryoneIsServed(t *testing.T) {
	d := newDoor(3)
	const crowd = 200
	turns := map[string]chan struct{}{} // as an actor has: a kick is for one, and waits for it
	for i := range crowd {
		turns[fmt.Sprint(i)] = make(chan struct{}, 1)
	}
	d.admission.kick = func(id string) {
		select {
		case turns[id] <- struct{}{}:
		default:
		}
	}
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			id, c := fmt.Sprint(i), class(rand.N(4))
			for !d.enter(id, fmt.Sprint(i%7), c) {
				<-turns[id]
			}
			d.admission.mu.Lock()
			if n := len(d.running); n > waking.limit(3) {
				t.Errorf("%d at a time", n)
			}
			d.admission.mu.Unlock()
			d.leave(id)
		})
	}
	all.Wait()
	if len(d.running)+len(d.queue) != 0 {
		t.Errorf("%d run, %d wait", len(d.running), len(d.queue))
	}
}
