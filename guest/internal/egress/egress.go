// Package egress is the machine's way out: it asks the host about every name and every connection of the machine's
// programs, and carries those connections that the host has made. Without a host that listens nothing gets out, and
// programs are told at once.
package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pyro.dev/guest/internal/attribution"
	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/names"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/steering"
)

const (
	namesPort = 53
	// acceptPause is for a kernel that has no descriptor or memory to spare.
	acceptPause = 20 * time.Millisecond
)

// Places is the machine that the way out belongs to.
type Places struct {
	// WriteResolver makes programs ask the address for names.
	WriteResolver func(netip.Addr) error
	// Owner tells whose a control group is, by the number the kernel has for it, and which processes are in it.
	Owner func(number uint64) (label string, processes []int)
}

// Egress is one machine's. Until it is first opened there is no trace of it.
type Egress struct {
	places Places
	// table outlives every host that comes and goes, as programs keep addresses.
	table  names.Table
	names  *names.Server
	tracer *attribution.Tracer
	// lastID is of all hosts: what one of them still does for a connection is not another's.
	lastID atomic.Uint64

	mutex    sync.Mutex
	steering *steering.Steering
	// session is nil while no host listens.
	session *Session
}

// New makes a closed way out.
func New(places Places) *Egress {
	made := &Egress{places: places, tracer: attribution.New(places.Owner)}
	made.names = names.NewServer(names.Responder{Table: &made.table, Ask: made.ask, Hostname: hostname})
	return made
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// Open lets one host at a time decide; Run of what it answers is due.
func (e *Egress) Open() (*Session, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.session != nil {
		return nil, protocol.Fail(protocol.CodeConflict, "the way out is open already")
	}
	if err := e.steer(); err != nil {
		return nil, err
	}
	e.session = newSession(e)
	return e.session, nil
}

// steer is called with the mutex held. Once steered, programs get an answer at once, whether a host listens or not.
func (e *Egress) steer() error {
	if e.steering != nil {
		return nil
	}
	opened, err := steering.Open()
	if err != nil {
		return err
	}
	if err := e.places.WriteResolver(steering.Own); err != nil {
		console.Say("names are asked for where the image says: %v", err)
	}
	e.tracer.Warm()
	e.steering = opened
	for _, listener := range opened.Streams {
		go e.accept(listener)
	}
	go e.names.ServeDatagrams(opened.Questions)
	return nil
}

// Close is for machines that outlive their agent's way out: tests.
func (e *Egress) Close() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.steering == nil {
		return nil
	}
	err := e.steering.Close()
	e.steering = nil
	return err
}

func (e *Egress) current() *Session {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.session
}

func (e *Egress) ended(session *Session) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.session == session {
		e.session = nil
	}
}

func (e *Egress) ask(ctx context.Context, name string) names.Existence {
	session := e.current()
	if session == nil {
		return names.Unknown
	}
	return session.ask(ctx, name)
}

func (e *Egress) accept(listener *net.TCPListener) {
	for {
		client, err := listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		e.take(client)
	}
}

// take never waits: the next client is behind this one.
func (e *Egress) take(client *net.TCPConn) {
	meant := client.LocalAddr().(*net.TCPAddr).AddrPort()
	address := meant.Addr().Unmap().WithZone("")
	if meant.Port() == namesPort {
		go e.names.ServeStream(client)
		return
	}
	host, isMeant := e.hostOf(address)
	session := e.current()
	if !isMeant || session == nil {
		reset(client)
		return
	}
	session.connect(client, host, meant.Port())
}

// hostOf is what the host is asked about a connection to the address.
func (e *Egress) hostOf(address netip.Addr) (string, bool) {
	if names.Range.Contains(address) {
		return e.table.Name(address)
	}
	return address.String(), !address.IsLoopback()
}

// reset ends a connection so that its client learns that it failed.
func reset(client *net.TCPConn) {
	_ = client.SetLinger(0)
	_ = client.Close()
}
