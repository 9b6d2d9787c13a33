package channel

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

const (
	vsockPort = 1024
	// vsockClientsMax bounds what a host that attaches and never leaves costs.
	vsockClientsMax = 8
	vsockAttachMax  = 10 * time.Second
)

// vsockListener accepts clients side by side: unlike a port, each has its own stream.
type vsockListener struct {
	file    *os.File
	clients chan net.Conn
	slots   chan struct{}
	failed  chan error
}

func listenVsock() (net.Listener, error) {
	socket, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("vsock: %w", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: vsockPort}); err != nil {
		unix.Close(socket)
		return nil, fmt.Errorf("bind vsock: %w", err)
	}
	if err := unix.Listen(socket, vsockClientsMax); err != nil {
		unix.Close(socket)
		return nil, fmt.Errorf("listen on vsock: %w", err)
	}
	listener := &vsockListener{
		file:    os.NewFile(uintptr(socket), "vsock"),
		clients: make(chan net.Conn),
		slots:   make(chan struct{}, vsockClientsMax),
		failed:  make(chan error, 1),
	}
	go listener.acceptAll()
	return listener, nil
}

func (l *vsockListener) acceptAll() {
	for {
		l.slots <- struct{}{}
		client, err := acceptOn(l.file)
		if err != nil {
			l.failed <- fmt.Errorf("accept on vsock: %w", err)
			return
		}
		go l.attachOne(client)
	}
}

func (l *vsockListener) attachOne(file *os.File) {
	_ = file.SetDeadline(time.Now().Add(vsockAttachMax))
	ahead, err := attach(file)
	if err != nil {
		file.Close()
		<-l.slots
		return
	}
	_ = file.SetDeadline(time.Time{})
	l.clients <- newConnection(file, ahead, func() {
		file.Close()
		// As a port's listener says it, for whoever saves the machine.
		console.Say("channel free")
		<-l.slots
	})
}

func (l *vsockListener) Accept() (net.Conn, error) {
	select {
	case client := <-l.clients:
		return client, nil
	case err := <-l.failed:
		return nil, err
	}
}

func (l *vsockListener) Close() error   { return l.file.Close() }
func (l *vsockListener) Addr() net.Addr { return address{} }
