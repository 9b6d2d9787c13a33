// Package forward carries one connection between the host and a server in the machine.
package forward

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/command"
	"pyro.dev/guest/internal/protocol"
)

const (
	// pieceBytesMax makes a frame of HTTP/2 that fills two whole writes: the kernel takes 32 KiB at once.
	pieceBytesMax    = 64<<10 - http2HeaderBytes - protocol.FrameHeaderBytes
	http2HeaderBytes = 9
	// creditBytesEnough is waited for, so that the end of a window is not carried in crumbs. A host that has taken everything
	// owes a quarter of it at most.
	creditBytesEnough = 16 << 10
	// creditBytesMin is what is worth a frame of its own.
	creditBytesMin = protocol.ForwardWindowToGuest / 4
)

// errBroken is a host that sends what it may not.
var errBroken = errors.New("the host broke the connection's rules")

// connection is one on its way; each direction ends by itself.
type connection struct {
	server *net.TCPConn
	// sending serializes frames of both directions.
	sending sync.Mutex
	writer  command.FrameWriter

	mutex   sync.Mutex
	changed *sync.Cond
	// credit is what may still be sent to the host.
	credit int64
	// waiting is what the server has not taken yet.
	waiting      [][]byte
	waitingBytes int
	// isHostDone says that the host sends no more.
	isHostDone bool
	failed     error
}

// Run carries both directions to their ends. An error means that the connection broke.
func Run(ctx context.Context, server *net.TCPConn, body io.Reader, writer command.FrameWriter) error {
	c := &connection{server: server, writer: writer, credit: protocol.ForwardWindowToHost}
	c.changed = sync.NewCond(&c.mutex)
	stop := context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })
	defer stop()
	var carrying sync.WaitGroup
	for _, carry := range []func() error{c.toHost, c.toServer} {
		carrying.Add(1)
		go func() {
			defer carrying.Done()
			if err := carry(); err != nil {
				c.fail(err)
			}
		}()
	}
	// Ends with the body, at the latest when whoever answers the request returns.
	go func() {
		if err := c.receive(body); err != nil {
			c.fail(err)
		}
	}()
	carrying.Wait()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.failed
}

// fail ends both directions at once, and tells the server so.
func (c *connection) fail(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.failed == nil {
		c.failed = err
		_ = c.server.SetLinger(0)
		_ = c.server.Close()
	}
	c.changed.Broadcast()
}

func (c *connection) send(kind protocol.FrameKind, frame []byte) error {
	protocol.PutFrameHeader(frame, kind, len(frame)-protocol.FrameHeaderBytes)
	c.sending.Lock()
	defer c.sending.Unlock()
	if _, err := c.writer.Write(frame); err != nil {
		return err
	}
	return c.writer.Flush()
}

var pieces = sync.Pool{New: func() any {
	piece := make([]byte, protocol.FrameHeaderBytes+pieceBytesMax)
	return &piece
}}

// toHost carries what the server says until it says no more.
func (c *connection) toHost() error {
	raw, err := c.server.SyscallConn()
	if err != nil {
		return err
	}
	for {
		allowed, err := c.awaitCredit()
		if err != nil {
			return err
		}
		n, err := c.carryPiece(raw, int(min(allowed, pieceBytesMax)))
		if err != nil {
			return err
		}
		if n == 0 {
			return c.send(protocol.ForwardEnd, make([]byte, protocol.FrameHeaderBytes))
		}
		c.mutex.Lock()
		c.credit -= int64(n)
		c.mutex.Unlock()
	}
}

// carryPiece holds memory only while there is something to carry: most connections are silent most of the time.
func (c *connection) carryPiece(raw syscall.RawConn, allowed int) (int, error) {
	var piece *[]byte
	var n int
	var readErr error
	err := raw.Read(func(descriptor uintptr) bool {
		piece = pieces.Get().(*[]byte)
		into := (*piece)[protocol.FrameHeaderBytes : protocol.FrameHeaderBytes+allowed]
		for n, readErr = unix.Read(int(descriptor), into); errors.Is(readErr, unix.EINTR); {
			n, readErr = unix.Read(int(descriptor), into)
		}
		if !errors.Is(readErr, unix.EAGAIN) {
			return true
		}
		pieces.Put(piece)
		piece = nil
		return false
	})
	if piece != nil {
		defer pieces.Put(piece)
	}
	if err = errors.Join(err, readErr); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, nil
	}
	return n, c.send(protocol.ForwardData, (*piece)[:protocol.FrameHeaderBytes+n])
}

func (c *connection) awaitCredit() (int64, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for c.credit < creditBytesEnough && c.failed == nil {
		c.changed.Wait()
	}
	return c.credit, c.failed
}

// toServer carries what has come from the host, and then ends that direction.
func (c *connection) toServer() error {
	owed := 0
	for {
		piece, err := c.awaitPiece()
		if err != nil {
			return err
		}
		if piece == nil {
			// A server that is gone already has nothing to be told.
			_ = c.server.CloseWrite()
			return nil
		}
		n, err := c.server.Write(piece)
		reuse(piece)
		if err != nil {
			return err
		}
		c.mutex.Lock()
		c.waitingBytes -= n
		c.mutex.Unlock()
		if owed += n; owed < creditBytesMin {
			continue
		}
		credit := make([]byte, protocol.FrameHeaderBytes, protocol.FrameHeaderBytes+protocol.ForwardCreditBytes)
		if err := c.send(protocol.ForwardCredit, binary.BigEndian.AppendUint32(credit, uint32(owed))); err != nil {
			return err
		}
		owed = 0
	}
}

// awaitPiece answers nil once the host sends no more.
func (c *connection) awaitPiece() ([]byte, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(c.waiting) == 0 && !c.isHostDone && c.failed == nil {
		c.changed.Wait()
	}
	if c.failed != nil || len(c.waiting) == 0 {
		return nil, c.failed
	}
	piece := c.waiting[0]
	c.waiting = c.waiting[1:]
	return piece, nil
}

// payloads are those of a download, of which nearly every one is as long as it may be: made anew, they would keep the collector busy.
var payloads = sync.Pool{New: func() any { return new([protocol.FramePayloadMax]byte) }}

// payloadOf answers memory for so many bytes. What is short gets no more, because much of it may be waiting.
func payloadOf(length int) []byte {
	if length < protocol.FramePayloadMax/2 {
		return make([]byte, length)
	}
	return payloads.Get().(*[protocol.FramePayloadMax]byte)[:length]
}

func reuse(payload []byte) {
	if cap(payload) == protocol.FramePayloadMax {
		payloads.Put((*[protocol.FramePayloadMax]byte)(payload[:protocol.FramePayloadMax]))
	}
}

// receive takes the host's frames. It never waits for the server: a credit may be among them.
func (c *connection) receive(body io.Reader) error {
	var header [protocol.FrameHeaderBytes]byte
	for {
		if _, err := io.ReadFull(body, header[:]); err != nil {
			if errors.Is(err, io.EOF) && c.hasHostEnded() {
				return nil
			}
			return fmt.Errorf("the host is gone: %w", err)
		}
		length := binary.BigEndian.Uint32(header[1:])
		if length > protocol.FramePayloadMax {
			return errBroken
		}
		payload := payloadOf(int(length))
		if _, err := io.ReadFull(body, payload); err != nil {
			return fmt.Errorf("the host is gone: %w", err)
		}
		if err := c.take(protocol.FrameKind(header[0]), payload); err != nil {
			return err
		}
	}
}

func (c *connection) hasHostEnded() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.isHostDone
}

func (c *connection) take(kind protocol.FrameKind, payload []byte) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	defer c.changed.Broadcast()
	switch {
	case kind == protocol.ForwardCredit && len(payload) == protocol.ForwardCreditBytes:
		c.credit = min(c.credit+int64(binary.BigEndian.Uint32(payload)), protocol.ForwardWindowToHost)
	case kind == protocol.ForwardEnd && len(payload) == 0 && !c.isHostDone:
		c.isHostDone = true
	case kind == protocol.ForwardData && !c.isHostDone && len(payload) > 0:
		c.waiting = append(c.waiting, payload)
		c.waitingBytes += len(payload)
		if c.waitingBytes > protocol.ForwardWindowToGuest {
			return errBroken
		}
	default:
		return errBroken
	}
	return nil
}
