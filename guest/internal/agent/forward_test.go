package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

// forwarded is the host's end of one connection.
type forwarded struct {
	*testing.T
	body    *io.PipeWriter
	answer  io.ReadCloser
	sending sync.Mutex
}

func (h *host) forward(port int) *forwarded {
	h.Helper()
	f, status := h.forwardPath(fmt.Sprintf("/v1/forward?port=%d", port))
	if status != 200 {
		text, _ := io.ReadAll(f.answer)
		h.Fatalf("%d %s", status, text)
	}
	h.Cleanup(f.leave)
	return f
}

// forwardPath also answers refusals; the caller leaves.
func (h *host) forwardPath(path string) (*forwarded, int) {
	reader, writer := io.Pipe()
	request, err := http.NewRequest("POST", "http://agent"+path, reader)
	if err != nil {
		h.Fatal(err)
	}
	response, err := h.http.Do(request)
	if err != nil {
		h.Error(err)
		return nil, 0
	}
	return &forwarded{T: h.T, body: writer, answer: response.Body}, response.StatusCode
}

func (f *forwarded) leave() {
	_ = f.body.CloseWithError(context.Canceled)
	_ = f.answer.Close()
}

func (f *forwarded) send(kind protocol.FrameKind, payload []byte) error {
	frame := make([]byte, protocol.FrameHeaderBytes, protocol.FrameHeaderBytes+len(payload))
	protocol.PutFrameHeader(frame, kind, len(payload))
	f.sending.Lock()
	defer f.sending.Unlock()
	_, err := f.body.Write(append(frame, payload...))
	return err
}

func (f *forwarded) credit(count int) error {
	return f.send(protocol.ForwardCredit, binary.BigEndian.AppendUint32(nil, uint32(count)))
}

// next answers a frame; the kind is 0 where the stream is over.
func (f *forwarded) next() (protocol.FrameKind, []byte, error) {
	header := make([]byte, protocol.FrameHeaderBytes)
	if _, err := io.ReadFull(f.answer, header); err != nil {
		return 0, nil, err
	}
	payload := make([]byte, binary.BigEndian.Uint32(header[1:]))
	_, err := io.ReadFull(f.answer, payload)
	return protocol.FrameKind(header[0]), payload, err
}

// serve answers the port of a server that treats each connection so.
func serve(t *testing.T, address string, treat func(*net.TCPConn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go treat(connection.(*net.TCPConn))
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestForwardRefusals(t *testing.T) {
	h := startActivated(t)
	for _, query := range []string{"", "?port=0", "?port=65536", "?port=http", "?port=-1"} {
		h.refused("POST", "/v1/forward"+query, "", protocol.CodeBadRequest)
	}
	h.refused("POST", fmt.Sprintf("/v1/forward?port=%d", freePort(t)), "", protocol.CodeConflict)
}

// TestForwardHalfCloses: each side may end its direction and go on with the other.
func TestForwardHalfCloses(t *testing.T) {
	h := startActivated(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		port := serve(t, address, func(connection *net.TCPConn) {
			defer connection.Close()
			_, _ = connection.Write([]byte("hello"))
			_ = connection.CloseWrite()
			_, _ = io.Copy(io.Discard, connection)
		})
		f := h.forward(port)
		if kind, payload, err := f.next(); kind != protocol.ForwardData || string(payload) != "hello" || err != nil {
			t.Errorf("%s: %d %q %v", address, kind, payload, err)
		}
		if kind, _, err := f.next(); kind != protocol.ForwardEnd || err != nil {
			t.Errorf("%s: %d %v", address, kind, err)
		}
		if err := f.send(protocol.ForwardData, []byte("still here")); err != nil {
			t.Error(err)
		}
		if err := f.send(protocol.ForwardEnd, nil); err != nil {
			t.Error(err)
		}
		if _, _, err := f.next(); err != io.EOF {
			t.Errorf("%s: %v", address, err)
		}
	}
	echo := serve(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		defer connection.Close()
		all, _ := io.ReadAll(connection)
		_, _ = connection.Write(append([]byte("got "), all...))
	})
	f := h.forward(echo)
	_ = f.send(protocol.ForwardData, []byte("everything"))
	_ = f.send(protocol.ForwardEnd, nil)
	// The request's own end says no more than that.
	_ = f.body.Close()
	if _, payload, _ := f.next(); string(payload) != "got everything" {
		t.Errorf("%q", payload)
	}
}

// TestForwardCarriesBothWaysAtOnce: a server that echoes waits for neither side to finish.
func TestForwardCarriesBothWaysAtOnce(t *testing.T) {
	h := startActivated(t)
	port := serve(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		defer connection.Close()
		_, _ = io.Copy(connection, connection)
	})
	f := h.forward(port)
	const total = 20 << 20
	credits := make(chan int, 1<<16)
	go func() {
		window := protocol.ForwardWindowToGuest
		piece := bytes.Repeat([]byte("0123456789abcdef"), 1024)
		for sent := 0; sent < total; sent += len(piece) {
			for window < len(piece) {
				window += <-credits
			}
			if f.send(protocol.ForwardData, piece) != nil {
				return
			}
			window -= len(piece)
		}
		_ = f.send(protocol.ForwardEnd, nil)
	}()
	sum := sha256.New()
	received := 0
	for {
		kind, payload, err := f.next()
		if err != nil || kind == protocol.ForwardEnd {
			break
		}
		if kind == protocol.ForwardCredit {
			credits <- int(binary.BigEndian.Uint32(payload))
			continue
		}
		received += len(payload)
		sum.Write(payload)
		// Nobody needs the last ones: the agent may be done already.
		_ = f.credit(len(payload))
	}
	want := sha256.Sum256(bytes.Repeat([]byte("0123456789abcdef"), total/16))
	if received != total || !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Errorf("%d of %d bytes came back", received, total)
	}
}

// TestForwardsThatNobodyReads hold up nobody else, and cost what their windows are.
func TestForwardsThatNobodyReads(t *testing.T) {
	h := startActivated(t)
	port := serve(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		buffer := make([]byte, 1<<20)
		for {
			if _, err := connection.Write(buffer); err != nil {
				return
			}
		}
	})
	before := h.residentBytes()
	var all []*forwarded
	for range 100 {
		f := h.forward(port)
		all = append(all, f)
		for sent := 0; sent < protocol.ForwardWindowToGuest; sent += 16 << 10 {
			if err := f.send(protocol.ForwardData, make([]byte, 16<<10)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if result := h.exec(shell("head -c 1000000 /dev/zero | wc -c"), nil); result.stdout.String() != "1000000\n" {
		t.Errorf("%q", result.stdout.String())
	}
	if grown := h.residentBytes() - before; grown > 40<<20 {
		t.Errorf("the agent grew by %d bytes", grown)
	}
	received := 0
	// Of the rest of a window nobody makes a frame.
	for received < protocol.ForwardWindowToHost-16<<10 {
		kind, payload, err := all[0].next()
		if err != nil {
			t.Fatal(err)
		}
		if kind == protocol.ForwardData {
			received += len(payload)
		}
	}
	if received > protocol.ForwardWindowToHost {
		t.Errorf("%d bytes without any credit", received)
	}
}

func TestForwardEndsWithEitherSide(t *testing.T) {
	h := startActivated(t)
	ended := make(chan error, 1)
	port := serve(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		defer connection.Close()
		_, _ = connection.Write([]byte("hello"))
		_, err := io.Copy(io.Discard, connection)
		ended <- err
	})
	before := h.descriptorCount()
	f := h.forward(port)
	_, _, _ = f.next()
	f.leave()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the server took a client that vanished for one that had finished")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server still waits")
	}
	resetting := serve(t, "127.0.0.1:0", func(connection *net.TCPConn) {
		_, _ = connection.Read(make([]byte, 1))
		_ = connection.SetLinger(0)
		_ = connection.Close()
	})
	g := h.forward(resetting)
	_ = g.send(protocol.ForwardData, []byte("x"))
	if kind, _, err := g.next(); err == nil || err == io.EOF {
		t.Errorf("a connection that broke ended well: %d %v", kind, err)
	}
	for name, payload := range map[protocol.FrameKind][]byte{0: nil, 9: nil, protocol.ForwardData: nil, protocol.ForwardCredit: []byte("x"), protocol.ForwardEnd: []byte("x")} {
		bad := h.forward(port)
		_, _, _ = bad.next()
		_ = bad.send(name, payload)
		if kind, _, err := bad.next(); err == nil {
			t.Errorf("kind %d was taken: %d", name, kind)
		}
		<-ended
	}
	greedy := h.forward(serve(t, "127.0.0.1:0", func(*net.TCPConn) {}))
	for range 1000 {
		if greedy.send(protocol.ForwardData, make([]byte, protocol.FramePayloadMax)) != nil {
			break
		}
	}
	for kind, err := protocol.ForwardCredit, error(nil); err == nil; kind, _, err = greedy.next() {
		if kind != protocol.ForwardCredit {
			t.Errorf("a window was not kept, and %d came", kind)
			break
		}
	}
	eventually(t, "all descriptors are given back: "+strconv.Itoa(before), func() bool { return h.descriptorCount() <= before+1 })
}
