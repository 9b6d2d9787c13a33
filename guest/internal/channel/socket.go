package channel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// socketClientsMax wait for their turn; more find the socket full.
	socketClientsMax = 8
	socketAttachMax  = 10 * time.Second
	// socketMask leaves a new socket to its owner alone.
	socketMask = 0o177
)

// socketListener hands out one client of a unix socket after the other, as a
// port does: the next one is attached when the one before has left.
type socketListener struct {
	file *os.File
	path string
	// free holds a token while no client is being served.
	free chan struct{}
}

// ListenSocket listens on a unix socket at the path, which only this user can
// connect to. A socket that nobody listens on any more is replaced.
func ListenSocket(path string) (net.Listener, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	directory, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the directory of %s: %w", path, err)
	}
	defer unix.Close(directory)
	if err := removeAbandoned(path, directory); err != nil {
		return nil, err
	}
	socket, err := bindAndListen(directory, filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener := &socketListener{file: os.NewFile(uintptr(socket), "socket"), path: path, free: make(chan struct{}, 1)}
	listener.free <- struct{}{}
	return listener, nil
}

// bindAndListen gives the socket its name when it takes clients, so that nobody
// finds it before.
func bindAndListen(directory int, name string) (int, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	early := ".agent-" + strconv.Itoa(os.Getpid())
	_ = unix.Unlinkat(directory, early, 0)
	mask := unix.Umask(socketMask)
	err = unix.Bind(socket, addressIn(directory, early))
	unix.Umask(mask)
	if err == nil {
		err = unix.Listen(socket, socketClientsMax)
	}
	if err == nil {
		err = unix.Renameat(directory, early, directory, name)
	}
	if err != nil {
		_ = unix.Close(socket)
		_ = unix.Unlinkat(directory, early, 0)
		return -1, err
	}
	return socket, nil
}

// addressIn is short, whatever the path: an address takes 108 bytes.
func addressIn(directory int, name string) *unix.SockaddrUnix {
	return &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(directory) + "/" + name}
}

func removeAbandoned(path string, directory int) error {
	status, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if status.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	probe, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(probe)
	if err := unix.Connect(probe, addressIn(directory, filepath.Base(path))); !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s is in use", path)
	}
	return os.Remove(path)
}

func (l *socketListener) Accept() (net.Conn, error) {
	<-l.free
	for {
		client, err := acceptOn(l.file)
		if err != nil {
			return nil, fmt.Errorf("accept on the socket: %w", err)
		}
		_ = client.SetDeadline(time.Now().Add(socketAttachMax))
		ahead, err := attach(client)
		if err != nil {
			client.Close()
			continue
		}
		_ = client.SetDeadline(time.Time{})
		return newConnection(client, ahead, func() {
			client.Close()
			l.free <- struct{}{}
		}), nil
	}
}

// Close also takes the socket's name away.
func (l *socketListener) Close() error {
	_ = os.Remove(l.path)
	return l.file.Close()
}

func (l *socketListener) Addr() net.Addr { return address{} }
