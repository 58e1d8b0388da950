// Package names answers the questions for names of one environment whose
// connections outside are listed: names of its list as this host finds them, and
// all others as if there were none.
//
// Only addresses of IPv4 are told, since only those are let through.
package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// lifetime is how long an answer may be kept by who asked.
	lifetime = time.Minute
	// findTime bounds finding a name.
	findTime = 4 * time.Second
	// mostAtOnce are the questions of one environment that are answered at a time;
	// what comes above is asked again by who asked.
	mostAtOnce = 64
	// messageBytes is more than a question has.
	messageBytes = 4096
	// idle is how long a connection may be silent.
	idle = 10 * time.Second
	// mostAddresses is how many fit an answer that is not cut (RFC 1035, 4.2.1).
	mostAddresses = 16
)

// Config is what a Server works with.
type Config struct {
	// Allowed is whether a name, in lower case and without a final dot, is listed.
	Allowed func(name string) bool
	// Find is how a name's addresses are found.
	Find func(ctx context.Context, name string) ([]netip.Addr, error)
	// Found is told of addresses before they are answered; where it fails there is
	// no answer.
	Found func(name string, addresses []netip.Addr) error
	// Refused is told of a name that is not listed.
	Refused func(name string)
	Log     *slog.Logger
}

// Server answers at one port of TCP and UDP.
type Server struct {
	c       Config
	packets net.PacketConn
	streams net.Listener
	slots   chan struct{}

	living context.Context
	end    func()
	all    sync.WaitGroup
}

// Listen answers at an address, on any port that is free. It need not be this
// host's yet.
func Listen(at netip.Addr, c Config) (*Server, error) {
	listen := net.ListenConfig{Control: early}
	ctx := context.Background()
	for tries := 0; ; tries++ {
		packets, err := listen.ListenPacket(ctx, "udp4", net.JoinHostPort(at.String(), "0"))
		if err != nil {
			return nil, err
		}
		streams, err := listen.Listen(ctx, "tcp4", packets.LocalAddr().String())
		if err != nil { // somebody has that port of TCP
			if err = errors.Join(err, packets.Close()); tries < 8 {
				continue
			}
			return nil, err
		}
		s := &Server{c: c, packets: packets, streams: streams, slots: make(chan struct{}, mostAtOnce)}
		s.living, s.end = context.WithCancel(ctx)
		s.all.Go(s.readPackets)
		s.all.Go(s.accept)
		return s, nil
	}
}

// Port is where it answers.
func (s *Server) Port() uint16 { return s.streams.Addr().(*net.TCPAddr).AddrPort().Port() }

// Close ends it with all that is being answered.
func (s *Server) Close() {
	s.end()
	_ = s.packets.Close()
	_ = s.streams.Close()
	s.all.Wait()
}

func (s *Server) readPackets() {
	buffer := make([]byte, messageBytes)
	for {
		n, from, err := s.packets.ReadFrom(buffer)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // of an earlier answer
		}
		question := append([]byte(nil), buffer[:n]...)
		select {
		case s.slots <- struct{}{}:
		default:
			continue
		}
		s.all.Go(func() {
			defer func() { <-s.slots }()
			if answer := s.answer(question); answer != nil {
				_, _ = s.packets.WriteTo(answer, from)
			}
		})
	}
}

func (s *Server) accept() {
	for {
		c, err := s.streams.Accept()
		if err != nil {
			return
		}
		select {
		case s.slots <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		s.all.Go(func() {
			defer func() { <-s.slots; _ = c.Close() }()
			defer context.AfterFunc(s.living, func() { _ = c.Close() })()
			s.converse(c)
		})
	}
}

// converse answers one question after the other, each with its length before it
// (RFC 1035, 4.2.2).
func (s *Server) converse(c net.Conn) {
	for {
		_ = c.SetDeadline(time.Now().Add(idle))
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, question); err != nil {
			return
		}
		answer := s.answer(question)
		if answer == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// answer is nil for what is no question.
func (s *Server) answer(message []byte) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil || header.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	reply := dnsmessage.Header{ID: header.ID, Response: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true}
	var addresses []netip.Addr
	switch {
	case !s.c.Allowed(name):
		reply.RCode = dnsmessage.RCodeNameError
		if strings.Contains(name, ".") { // else it was meant for one of the stack
			s.c.Refused(name)
		}
	case q.Class == dnsmessage.ClassINET && q.Type == dnsmessage.TypeA:
		addresses, reply.RCode = s.find(name)
	}
	b := dnsmessage.NewBuilder(nil, reply)
	if err := errors.Join(b.StartQuestions(), b.Question(q), b.StartAnswers()); err != nil {
		return nil
	}
	for _, a := range addresses {
		if err := b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: uint32(lifetime.Seconds())}, dnsmessage.AResource{A: a.As4()}); err != nil {
			return nil
		}
	}
	answer, err := b.Finish()
	if err != nil {
		return nil
	}
	return answer
}

// find are a name's addresses that it can be reached by, once they are let through.
func (s *Server) find(name string) ([]netip.Addr, dnsmessage.RCode) {
	ctx, cancel := context.WithTimeout(s.living, findTime)
	defer cancel()
	all, err := s.c.Find(ctx, name)
	var missing *net.DNSError
	switch {
	case errors.As(err, &missing) && missing.IsNotFound:
		return nil, dnsmessage.RCodeNameError
	case err != nil:
		s.c.Log.Warn("a listed name is not found", "name", name, "error", err)
		return nil, dnsmessage.RCodeServerFailure
	}
	var usable []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.Is4() && len(usable) < mostAddresses {
			usable = append(usable, a)
		}
	}
	if err := s.c.Found(name, usable); err != nil {
		s.c.Log.Warn("a listed name is not let through", "name", name, "error", err)
		return nil, dnsmessage.RCodeServerFailure
	}
	return usable, dnsmessage.RCodeSuccess
}
