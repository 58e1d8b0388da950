package upkeep

import (
	"context"
	"fmt"
	"sync"
	"time"

	"offshoot/internal/human"
	"offshoot/internal/staging"
)

const (
	// beatEvery is how often it is written down that the server is up.
	beatEvery = time.Minute
	// gap is how long nothing may have run before that counts as being down:
	// the machine slept, or was stopped.
	gap = 3 * beatEvery
	// maxJump is by how much the clock may be set before sweeping is suspended.
	maxJump = 5 * time.Minute

	heartbeatSetting  = "upkeep.heartbeat"
	outagesSetting    = "upkeep.outages"
	suspensionSetting = "upkeep.suspended"
)

// clockwatch compares the wall clock with one that cannot be set.
type clockwatch struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

// tick answers how far the clock was set and how long nothing ran since the
// last tick.
func (c *clockwatch) tick(wall time.Time, elapsed time.Duration) (jump, pause time.Duration, before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wall.IsZero() {
		// Without the monotonic reading, which would hide what is looked for.
		jump, pause, before = wall.Round(0).Sub(c.wall)-(elapsed-c.elapsed), elapsed-c.elapsed, c.wall
	}
	c.wall, c.elapsed = wall.Round(0), elapsed
	return jump, pause, before
}

// suspension is why nothing is swept until a person goes on.
type suspension struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	// Off is by how much the clock was set since: back at none it lifts itself.
	Off time.Duration `json:"off"`
}

// returned takes down how long the server was away.
func (s *Service) returned(ctx context.Context) error {
	var last time.Time
	if err := loadSetting(ctx, s.Store, heartbeatSetting, &last); err != nil {
		return err
	}
	s.clock.tick(s.Now(), s.Elapsed())
	if last.IsZero() {
		return s.beat(ctx)
	}
	return s.lost(ctx, outage{From: last, To: s.Now()})
}

// lost notes time that does not count, and that the server is up now.
func (s *Service) lost(ctx context.Context, o outage) error {
	err := s.Store.Write(ctx, func(w Writer) error {
		var all outages
		if err := loadSetting(ctx, w, outagesSetting, &all); err != nil {
			return err
		}
		if err := saveSetting(ctx, w, outagesSetting, all.with(o)); err != nil {
			return err
		}
		return saveSetting(ctx, w, heartbeatSetting, s.Now())
	})
	if err != nil {
		return err
	}
	return s.recall(ctx)
}

func (s *Service) recall(ctx context.Context) error {
	var down outages
	if err := loadSetting(ctx, s.Store, outagesSetting, &down); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	return nil
}

func (s *Service) beat(ctx context.Context) error {
	return s.Store.Write(ctx, func(w Writer) error { return saveSetting(ctx, w, heartbeatSetting, s.Now()) })
}

// heartbeat writes down that the server is up, and looks at the clock.
func (s *Service) heartbeat(ctx context.Context) (time.Time, error) {
	if err := s.lookAtClock(ctx); err != nil {
		return time.Time{}, err
	}
	return s.Now().Add(beatEvery), s.beat(ctx)
}

// lookAtClock notes what does not count, and suspends sweeping where the clock
// was set.
func (s *Service) lookAtClock(ctx context.Context) error {
	now := s.Now()
	jump, pause, before := s.clock.tick(now, s.Elapsed())
	if pause > gap {
		if err := s.lost(ctx, outage{From: before, To: before.Add(pause)}); err != nil {
			return err
		}
	}
	if jump.Abs() <= maxJump {
		return nil
	}
	if jump > 0 {
		if err := s.lost(ctx, outage{From: now.Add(-jump), To: now}); err != nil {
			return err
		}
	}
	return s.suspend(ctx, jump)
}

func (s *Service) suspend(ctx context.Context, jump time.Duration) error {
	direction := "forward"
	if jump < 0 {
		direction = "back"
	}
	return s.Store.Write(ctx, func(w Writer) error {
		var was suspension
		if err := loadSetting(ctx, w, suspensionSetting, &was); err != nil {
			return err
		}
		now := s.Now()
		x := suspension{At: now, Off: was.Off + jump, Reason: fmt.Sprintf("the server's clock was set %s by %s", direction, human.Span(jump.Abs()))}
		message := x.Reason + "; nothing is swept until a person has looked at the clock: offshoot sweep --go-on"
		kind := "sweeper.suspended"
		if !was.At.IsZero() && x.Off.Abs() <= maxJump {
			x, kind, message = suspension{}, "sweeper.resumed", "the server's clock is back where it was; sweeping goes on"
		}
		if err := saveSetting(ctx, w, suspensionSetting, x); err != nil {
			return err
		}
		_, err := w.AppendEvent(ctx, staging.Event{At: now, Type: kind, Actor: "server", Message: message})
		return err
	})
}
