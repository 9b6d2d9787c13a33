// Package steering leads what programs of the machine send to other machines to the agent.
//
// The machine has no network card. Rules of routing deliver TCP, and UDP of port 53, of any address here, and a program in
// the kernel hands them to the agent's own sockets, whatever listens in the machine. All else has no route, and fails at once.
package steering

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// parkingPort is where the agent's listeners are bound; connections to it itself are nobody's. Whatever the number, a
	// server on all addresses cannot have it, and this one no server wants.
	parkingPort = 1
	namesPort   = 53
)

// Own is the machine's address. A program that looks for one besides loopback finds it; without any, the C library's
// resolver does not ask for addresses on behalf of some programs.
var Own = netip.AddrFrom4([4]byte{198, 18, 0, 1})

// Steering is in force until the machine ends, or Close.
type Steering struct {
	// Streams accept connections whose own address is the one that the program meant.
	Streams []*net.TCPListener
	// Questions gets datagrams to port 53, each with the address it was meant for as a control message.
	Questions *net.UDPConn

	hook      *hook
	addresses *addresses
}

// Open needs the rights of the machine's root. The second one of a machine is refused by the kernel.
func Open() (*Steering, error) {
	routes, err := dialRoutes()
	if err != nil {
		return nil, err
	}
	defer routes.close()
	if err := routes.addAddress(); err != nil {
		return nil, err
	}
	made := &Steering{}
	if err := made.open(); err != nil {
		_ = made.release()
		return nil, err
	}
	// Last: until the program is there, a server in the machine could get what is meant for others.
	if err := routes.open(len(made.Streams) > 1); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

func (s *Steering) open() error {
	first, err := listenStreams("tcp4", Own)
	if err != nil {
		return err
	}
	s.Streams = append(s.Streams, first)
	// A machine without IPv6 has no way out by it.
	if second, err := listenStreams("tcp6", netip.IPv6Loopback()); err == nil {
		s.Streams = append(s.Streams, second)
	}
	if s.Questions, err = listenQuestions(); err != nil {
		return err
	}
	if s.hook, err = attach(s.Streams, s.Questions); err != nil {
		return err
	}
	s.addresses, err = followAddresses(s.hook)
	return err
}

// Close takes the way out away; what is sent to other machines has no route from then on.
func (s *Steering) Close() error { return errors.Join(Clear(), s.release()) }

func (s *Steering) release() error {
	var err error
	if s.addresses != nil {
		s.addresses.close()
	}
	if s.hook != nil {
		err = errors.Join(err, s.hook.close())
	}
	for _, listener := range s.Streams {
		err = errors.Join(err, listener.Close())
	}
	if s.Questions != nil {
		err = errors.Join(err, s.Questions.Close())
	}
	return err
}

// Clear takes away what an agent that died may have left.
func Clear() error {
	routes, err := dialRoutes()
	if err != nil {
		return err
	}
	defer routes.close()
	return routes.clear()
}

func listenStreams(network string, address netip.Addr) (*net.TCPListener, error) {
	config := net.ListenConfig{Control: transparent, KeepAlive: -1}
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), network, netip.AddrPortFrom(address, parkingPort).String())
	if err != nil {
		return nil, fmt.Errorf("listen for connections: %w", err)
	}
	return listener.(*net.TCPListener), nil
}

func listenQuestions() (*net.UDPConn, error) {
	config := net.ListenConfig{Control: transparent}
	listener, err := config.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(Own, namesPort).String())
	if err != nil {
		return nil, fmt.Errorf("listen for questions: %w", err)
	}
	return listener.(*net.UDPConn), nil
}

// transparent lets a socket answer from addresses that are not the machine's.
func transparent(network, _ string, raw syscall.RawConn) error {
	var err error
	set := func(descriptor uintptr) {
		switch network {
		case "tcp6":
			err = unix.SetsockoptInt(int(descriptor), unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
		case "udp4":
			err = unix.SetsockoptInt(int(descriptor), unix.SOL_IP, unix.IP_PKTINFO, 1)
			fallthrough
		default:
			err = errors.Join(err, unix.SetsockoptInt(int(descriptor), unix.SOL_IP, unix.IP_TRANSPARENT, 1))
		}
	}
	return errors.Join(raw.Control(set), err)
}

// addresses keeps the hook informed of the machine's own, which bridges and tunnels have.
type addresses struct {
	once sync.Once
	stop func() error
}

func (a *addresses) close() { a.once.Do(func() { _ = a.stop() }) }
