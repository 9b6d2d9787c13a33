package egress

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/forward"
	"pyro.dev/guest/internal/protocol"
)

const (
	// answerMax is how long the host may take to make a connection.
	answerMax = 60 * time.Second
	// toldMax is how long a client is kept from its refusal by a host that does not read.
	toldMax = time.Second
)

// Connection is one of a program's, from when it was accepted.
type Connection struct {
	of     *Session
	id     uint64
	client *net.TCPConn
	// answered gets the host's answer, and is closed instead when the host carries the connection.
	answered chan protocol.EgressAnswer
	// isAnswered and isCarried are the session's to guard.
	isAnswered, isCarried bool
}

// attend waits for the host's decision and tells the client of one that is not in its favour.
func (c *Connection) attend() {
	limit := time.NewTimer(answerMax)
	defer limit.Stop()
	told := c.attribute()
	select {
	case answer, isRefused := <-c.answered:
		if !isRefused {
			return
		}
		// The command may end with its connection, and whoever waits for that wants to know of this.
		c.await(told)
		defer c.of.forget(c.id)
		if answer.Answer == protocol.EgressDenied {
			refuse(c.client, answer)
			return
		}
		reset(c.client)
	case <-limit.C:
		c.giveUp()
	case <-c.of.over.Done():
		c.giveUp()
	}
}

// giveUp leaves alone what the host has just begun to carry.
func (c *Connection) giveUp() {
	c.of.mutex.Lock()
	isCarried := c.isCarried
	c.isAnswered = true
	c.of.mutex.Unlock()
	if !isCarried {
		c.abandon()
	}
}

func (c *Connection) abandon() {
	c.of.forget(c.id)
	reset(c.client)
}

// attribute tells the host which program made the connection; the channel it answers is closed once the host knows,
// and nil where there is nothing to know. The host decides meanwhile.
func (c *Connection) attribute() <-chan struct{} {
	client := c.client.RemoteAddr().(*net.TCPAddr).AddrPort()
	server := c.client.LocalAddr().(*net.TCPAddr).AddrPort()
	origin := c.of.of.tracer.Trace(unmapped(client), unmapped(server))
	if origin.Group == "" && origin.Program == "" {
		return nil
	}
	told := make(chan struct{})
	line := protocol.EgressLine{ID: c.id, Kind: protocol.EgressAttribution, Group: origin.Group, Program: origin.Program}
	if !c.of.put(line, told) {
		return nil
	}
	return told
}

func unmapped(address netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
}

func (c *Connection) await(told <-chan struct{}) {
	if told == nil {
		return
	}
	limit := time.NewTimer(toldMax)
	defer limit.Stop()
	select {
	case <-told:
	case <-limit.C:
	case <-c.of.over.Done():
	}
}

// isGone tells whether the client has left meanwhile. One that sends no more may still be listening.
func (c *Connection) isGone() bool {
	raw, err := c.client.SyscallConn()
	if err != nil {
		return true
	}
	var info *unix.TCPInfo
	var infoErr error
	err = raw.Control(func(descriptor uintptr) {
		info, infoErr = unix.GetsockoptTCPInfo(int(descriptor), unix.SOL_TCP, unix.TCP_INFO)
	})
	if err != nil || infoErr != nil {
		return true
	}
	return info.State != unix.BPF_TCP_ESTABLISHED && info.State != unix.BPF_TCP_CLOSE_WAIT
}

// Run carries both directions to their ends, as forwarded connections are. The way out's end breaks it.
func (c *Connection) Run(ctx context.Context, body io.Reader, writer command.FrameWriter) error {
	defer c.of.forget(c.id)
	defer c.client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.of.over, cancel)
	defer stop()
	return forward.Run(ctx, c.client, body, writer)
}
