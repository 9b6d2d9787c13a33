// Package channel is the one byte stream between host and agent: it finds it,
// waits for a client to attach, and hands each out as a connection.
package channel

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// PortName is the virtio-serial port of the channel.
const PortName = "pyro.channel"

// Listen finds the machine's channel: its virtio-serial port, else vsock. A
// successor first breaks off what the host still has with the agent that died.
func Listen(isSuccessor bool) (net.Listener, error) {
	device, err := findPort(PortName)
	if err != nil {
		return nil, err
	}
	if device != "" {
		console.Say("channel %s", device)
		listener, err := listenPort(device)
		if err == nil && isSuccessor {
			listener.breakOff()
		}
		return listener, err
	}
	console.Say("channel vsock port %d", vsockPort)
	return listenVsock()
}

// soleListener hands out one connection, and ends with it.
type soleListener struct {
	file     *os.File
	accepted sync.Once
	ended    chan struct{}
}

// ListenDescriptor serves one client over an inherited, connected socket.
func ListenDescriptor(descriptor int) (net.Listener, error) {
	if err := unix.SetNonblock(descriptor, true); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", descriptor, err)
	}
	unix.CloseOnExec(descriptor)
	file := os.NewFile(uintptr(descriptor), "channel")
	if file == nil {
		return nil, fmt.Errorf("descriptor %d is not open", descriptor)
	}
	return &soleListener{file: file, ended: make(chan struct{})}, nil
}

func (l *soleListener) Accept() (net.Conn, error) {
	var client net.Conn
	var err error
	l.accepted.Do(func() {
		var ahead []byte
		ahead, err = attach(l.file)
		if err == nil {
			client = newConnection(l.file, ahead, func() {
				l.file.Close()
				close(l.ended)
			})
		}
	})
	if client != nil || err != nil {
		return client, err
	}
	<-l.ended
	return nil, net.ErrClosed
}

func (l *soleListener) Close() error   { return l.file.Close() }
func (l *soleListener) Addr() net.Addr { return address{} }
