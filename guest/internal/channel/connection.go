package channel

import (
	"net"
	"os"
	"sync"
	"time"

	"pyro.dev/guest/internal/pace"
)

// connection is one attached client. Over a virtio port the descriptor outlives
// it, so its end must be made: after Close returns not one byte is read or
// written for it, or it would be the next client's.
type connection struct {
	file *os.File
	// ahead was read behind the attach line.
	ahead []byte
	// release gives the descriptor back, or closes it.
	release func()

	reads, writes sync.Mutex
	updates       windowUpdates
	// headsExpected are those that may wait for what follows them; late writes what waited in vain.
	headsExpected int
	late          *time.Timer
	// state orders the end against deadlines, which must not wait for a blocked write.
	state sync.Mutex
	ended bool
}

// headHeldMax bounds how long the head of an answer waits for the rest, should that not come at once.
const headHeldMax = 10 * time.Millisecond

// worthwhileBytes take longer to be copied than a write of their own does.
const worthwhileBytes = 32 << 10

func newConnection(file *os.File, ahead []byte, release func()) *connection {
	return &connection{file: file, ahead: ahead, release: release}
}

func (c *connection) Read(into []byte) (int, error) {
	c.reads.Lock()
	defer c.reads.Unlock()
	if c.hasEnded() {
		return 0, net.ErrClosed
	}
	if len(c.ahead) > 0 {
		n := copy(into, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	n, err := c.file.Read(into)
	pace.Carried(n)
	return n, err
}

func (c *connection) Write(bytes []byte) (int, error) {
	c.writes.Lock()
	defer c.writes.Unlock()
	if c.hasEnded() {
		return 0, net.ErrClosed
	}
	if c.headsExpected > 0 && c.updates.keepHead(bytes) {
		c.headsExpected--
		c.late = time.AfterFunc(headHeldMax, c.writeHeld)
		return len(bytes), nil
	}
	if c.updates.keep(bytes) {
		return len(bytes), nil
	}
	if c.late != nil {
		c.late.Stop()
		c.late = nil
	}
	if held := c.updates.take(); len(held) > 0 {
		if len(bytes) < worthwhileBytes {
			return c.writeTogether(held, bytes)
		}
		if _, err := c.file.Write(held); err != nil {
			return 0, err
		}
	}
	n, err := c.file.Write(bytes)
	pace.Carried(n)
	return n, err
}

// ExpectHead says that the next head of an answer is followed by the rest of it at once: both are one write then. Each write
// to a port is felt.
func (c *connection) ExpectHead() {
	c.writes.Lock()
	defer c.writes.Unlock()
	c.headsExpected++
}

func (c *connection) writeHeld() {
	c.writes.Lock()
	defer c.writes.Unlock()
	if held := c.updates.take(); len(held) > 0 && !c.hasEnded() {
		_, _ = c.file.Write(held)
	}
}

// writeTogether is one write of what was held and of what follows it.
func (c *connection) writeTogether(held, bytes []byte) (int, error) {
	n, err := c.file.Write(append(held, bytes...))
	pace.Carried(n)
	return max(0, n-len(held)), err
}

func (c *connection) hasEnded() bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.ended
}

func (c *connection) Close() error {
	c.state.Lock()
	if c.ended {
		c.state.Unlock()
		return nil
	}
	c.ended = true
	// Whoever is in the middle of a read or a write comes back at once.
	_ = c.file.SetDeadline(time.Unix(1, 0))
	c.state.Unlock()

	c.reads.Lock()
	c.writes.Lock()
	c.release()
	c.writes.Unlock()
	c.reads.Unlock()
	return nil
}

func (c *connection) LocalAddr() net.Addr  { return address{} }
func (c *connection) RemoteAddr() net.Addr { return address{} }

func (c *connection) SetDeadline(t time.Time) error {
	return c.setDeadline(t, c.file.SetDeadline)
}

func (c *connection) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, c.file.SetReadDeadline)
}

func (c *connection) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, c.file.SetWriteDeadline)
}

func (c *connection) setDeadline(t time.Time, set func(time.Time) error) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.ended {
		return net.ErrClosed
	}
	return set(t)
}

type address struct{}

func (address) Network() string { return "pyro" }
func (address) String() string  { return "channel" }
