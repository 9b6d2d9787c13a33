package channel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// portWaitMax is how long a console device may take to announce its ports.
const portWaitMax = 10 * time.Second

// findPort answers the device of the named port, "" where the machine has no
// virtio console. Ports are announced after their device: it waits for the
// kernel's event. Their numbers differ between machines, so only the name counts.
func findPort(name string) (string, error) {
	events, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return "", fmt.Errorf("listen for devices: %w", err)
	}
	defer unix.Close(events)
	if err := unix.Bind(events, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return "", fmt.Errorf("listen for devices: %w", err)
	}
	deadline := time.Now().Add(portWaitMax)
	buffer := make([]byte, 4096)
	for {
		if device := portNamed("/sys/class/virtio-ports", name); device != "" {
			return device, nil
		}
		if consoles, _ := filepath.Glob("/sys/bus/virtio/drivers/virtio_console/virtio*"); len(consoles) == 0 {
			return "", nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return "", fmt.Errorf("no port is named %s", name)
		}
		waiting := []unix.PollFd{{Fd: int32(events), Events: unix.POLLIN}}
		if n, _ := unix.Poll(waiting, int(left/time.Millisecond)+1); n > 0 {
			_, _, _ = unix.Recvfrom(events, buffer, unix.MSG_DONTWAIT)
		}
	}
}

func portNamed(class, name string) string {
	files, _ := filepath.Glob(class + "/*/name")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(text)) == name {
			return "/dev/" + filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}

// portListener hands out one client of the port after the other.
type portListener struct {
	file *os.File
	// free holds a token while no connection has the port.
	free chan struct{}
	// hasServed says that there was a client before.
	hasServed bool
}

func listenPort(device string) (*portListener, error) {
	// Opened this way the runtime's poller owns it: a wait costs no thread and no cycles.
	file, err := os.OpenFile(device, os.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the channel: %w", err)
	}
	listener := &portListener{file: file, free: make(chan struct{}, 1)}
	listener.free <- struct{}{}
	return listener, nil
}

// breakOff ends a connection of which only the host's half is left: a port does
// not close when its last user dies, so the host would wait for answers for ever.
// No HTTP/2 frame has this length; whoever attaches drops it unread.
func (l *portListener) breakOff() {
	_ = l.file.SetWriteDeadline(time.Now().Add(answerMax))
	_, _ = l.file.Write(bytes.Repeat([]byte{0xff}, 64))
}

func (l *portListener) Accept() (net.Conn, error) {
	<-l.free
	if l.hasServed {
		// Whoever saves the machine waits for this: saved earlier, it would wait in every copy for
		// a client that is gone, and take the next one's words for that one's.
		console.Say("channel free")
	}
	l.hasServed = true
	_ = l.file.SetDeadline(time.Time{})
	for {
		if err := l.waitForHost(); err != nil {
			return nil, err
		}
		ahead, err := attach(l.file)
		if err == nil {
			return newConnection(l.file, ahead, func() { l.free <- struct{}{} }), nil
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, fmt.Errorf("the channel broke: %w", err)
		}
	}
}

// waitForHost returns once the host has the port open. With the host away a
// read answers 0 at once, so reading cannot wait; the port's own wait queue,
// which also wakes writers, tells.
func (l *portListener) waitForHost() error {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Write(func(descriptor uintptr) bool {
		waiting := []unix.PollFd{{Fd: int32(descriptor), Events: unix.POLLIN | unix.POLLOUT}}
		_, err := unix.Poll(waiting, 0)
		return err == nil && waiting[0].Revents&unix.POLLHUP == 0
	})
}

func (l *portListener) Close() error   { return l.file.Close() }
func (l *portListener) Addr() net.Addr { return address{} }
