package upkeep

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func sinceStart() func() time.Duration {
	begun := time.Now()
	return func() time.Duration { return time.Since(begun) }
}

func TestDutiesRunWhenTheyAreDueAndNeverTwiceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSchedule(time.Now, sinceStart(), func(context.Context, string, time.Time, time.Time, error) {})
		var quick, slow, broken, running atomic.Int64
		s.add("quick", 0, func(context.Context) (time.Time, error) {
			quick.Add(1)
			return time.Now().Add(time.Second), nil
		})
		s.add("slow", 0, func(context.Context) (time.Time, error) {
			if running.Add(1) > 1 {
				t.Error("twice at a time")
			}
			defer running.Add(-1)
			slow.Add(1)
			time.Sleep(10 * time.Second)
			return time.Now(), nil
		})
		s.add("broken", 0, func(context.Context) (time.Time, error) {
			broken.Add(1)
			return time.Time{}, errors.New("broken")
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.run(ctx, nil, nil); close(done) }()
		pass(100*time.Second + time.Millisecond)
		if quick.Load() != 101 || slow.Load() != 11 || broken.Load() != 2 {
			t.Errorf("ran %d, %d, %d times", quick.Load(), slow.Load(), broken.Load())
		}
		cancel()
		<-done
	})
}

func TestSoonBringsADutyForwardOnlySoFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSchedule(time.Now, sinceStart(), func(context.Context, string, time.Time, time.Time, error) {})
		var ran atomic.Int64
		s.add("duty", 0, func(context.Context) (time.Time, error) {
			ran.Add(1)
			return time.Now().Add(time.Hour), nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		changed := make(chan struct{})
		done := make(chan struct{})
		go func() { s.run(ctx, changed, func() { s.soon("duty", 10*time.Second) }); close(done) }()
		pass(time.Second)
		for range 100 { // a storm of changes
			changed <- struct{}{}
			pass(100 * time.Millisecond)
		}
		pass(time.Minute)
		if n := ran.Load(); n < 2 || n > 3 {
			t.Errorf("ran %d times", n)
		}
		cancel()
		<-done
	})
}

func TestStopMayComeAtAnyTime(t *testing.T) {
	w := newWorld()
	s := w.service()
	s.Stop()
	for range 20 {
		s := w.service()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Stop()
		s.Stop()
	}
}
