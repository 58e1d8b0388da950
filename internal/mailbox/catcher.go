package mailbox

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"offshoot/internal/wire"
)

// The bounds of what talks to a catcher.
const (
	// mostClients are the connections of all environments that are open at a
	// time, mostOfOne those of one.
	mostClients = 256
	mostOfOne   = 32
	// patience is how long a client may take for a command, or for a message.
	patience = 5 * time.Minute
	// lineBytes bounds a line; HTML is sent in long ones.
	lineBytes = 256 << 10
	// mostRecipients and addressBytes bound an envelope.
	mostRecipients = 1000
	addressBytes   = 512
	// stopTime bounds waiting for the clients of a catcher that closes.
	stopTime = 5 * time.Second
	// quiet is how long nothing is said of further messages after it was said
	// that one came.
	quiet = time.Minute
)

// Catcher listens for the mail of environments, each at an address of its own,
// with nothing but a listener where nobody sends. It is safe for concurrent use.
type Catcher struct {
	boxes *Boxes
	// Scarce is why nothing is taken now, "" where it is.
	scarce func() string
	// caught is told of the newest message, and how many came since it was told
	// last: at once, and then at most once in a while. Every is told of each.
	caught func(m wire.Mail, n int)
	every  func()
	log    *slog.Logger
	now    func() time.Time

	clients chan struct{}
	mu      sync.Mutex
	open    map[string]*line
}

// CatcherConfig is what a Catcher works with; only Log and Now must be there.
type CatcherConfig struct {
	Scarce func() string
	Caught func(m wire.Mail, n int)
	Every  func()
	Log    *slog.Logger
	Now    func() time.Time
}

// NewCatcher listens nowhere yet.
func NewCatcher(boxes *Boxes, c CatcherConfig) *Catcher {
	k := &Catcher{boxes: boxes, scarce: c.Scarce, caught: c.Caught, every: c.Every, log: c.Log, now: c.Now,
		clients: make(chan struct{}, mostClients), open: map[string]*line{}}
	if k.scarce == nil {
		k.scarce = func() string { return "" }
	}
	if k.caught == nil {
		k.caught = func(wire.Mail, int) {}
	}
	if k.every == nil {
		k.every = func() {}
	}
	return k
}

// line is one environment's listener.
type line struct {
	environment string
	catcher     *Catcher
	listener    *door
	server      *smtp.Server
	// served is closed when nobody is let in any more.
	served chan struct{}

	mu     sync.Mutex
	closed bool
	// keeping is what is being received.
	keeping sync.WaitGroup
	// said is when it was last said that a message came, since how many came
	// that nobody was told of.
	said  time.Time
	since int
}

// Open listens for an environment at an address, or does nothing where it does.
func (c *Catcher) Open(environment, address string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[environment] != nil {
		return nil
	}
	if err := c.boxes.Tidy(environment); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	l := &line{environment: environment, catcher: c, listener: newDoor(listener, c.clients), served: make(chan struct{})}
	l.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{line: l}, nil }))
	s := l.server
	s.Domain, s.AllowInsecureAuth, s.EnableSMTPUTF8, s.EnableBINARYMIME = "offshoot.invalid", true, true, true
	s.MaxMessageBytes, s.MaxRecipients, s.MaxLineLength = c.boxes.limits.Message, mostRecipients, lineBytes
	s.ReadTimeout, s.WriteTimeout = patience, patience
	s.ErrorLog = slog.NewLogLogger(c.log.Handler(), slog.LevelDebug)
	c.open[environment] = l
	go func() {
		defer close(l.served)
		if err := s.Serve(l.listener); !errors.Is(err, net.ErrClosed) {
			c.log.Warn("mail", "environment", environment, "error", err)
		}
	}()
	return nil
}

// IsOpen is whether an environment's mail is listened for.
func (c *Catcher) IsOpen(environment string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[environment] != nil
}

// Close ends listening for an environment. When it returns nothing is being
// received for it any more; what was kept stays.
func (c *Catcher) Close(environment string) error {
	c.mu.Lock()
	l := c.open[environment]
	delete(c.open, environment)
	c.mu.Unlock()
	if l != nil {
		l.close()
	}
	return nil
}

// Stop ends all.
func (c *Catcher) Stop() {
	c.mu.Lock()
	all := c.open
	c.open = map[string]*line{}
	c.mu.Unlock()
	var ended sync.WaitGroup
	for _, l := range all {
		ended.Go(l.close)
	}
	ended.Wait()
}

func (l *line) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.listener.closeAll()
	<-l.served
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	_ = l.server.Shutdown(ctx) // its clients are gone: it waits for their goroutines
	l.keeping.Wait()
}

// begin is whether a message may still be received; end says that it was.
func (l *line) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.keeping.Add(1)
	}
	return !l.closed
}

func (l *line) end() { l.keeping.Done() }

// tell says of a message that it came, unless that was said a moment ago.
func (l *line) tell(m wire.Mail) {
	l.mu.Lock()
	l.since++
	n, now := l.since, l.catcher.now()
	if !l.said.IsZero() && now.Sub(l.said) < quiet {
		n = 0
	} else {
		l.said, l.since = now, 0
	}
	l.mu.Unlock()
	if n > 0 {
		l.catcher.caught(m, n)
	}
	l.catcher.every()
}
