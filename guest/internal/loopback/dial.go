// Package loopback reaches servers of the machine itself.
package loopback

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// dialMax is far longer than a connection within one machine takes, however busy it is.
const dialMax = 10 * time.Second

// addresses in the order they are tried: a server that listens on one of them, or on all, is reached alike.
var addresses = []string{"127.0.0.1", "::1"}

// Dial connects to a port of this machine.
func Dial(ctx context.Context, port uint16) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	dialer := &net.Dialer{KeepAlive: -1}
	var first error
	for _, address := range addresses {
		connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
		if err == nil {
			return connection.(*net.TCPConn), nil
		}
		if first == nil {
			first = err
		}
		// Where nobody listens on one address, somebody may on the other.
		if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil, err
		}
	}
	return nil, first
}

// Reason is why a connection failed, without what everybody knows.
func Reason(err error) string {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	}
	var number unix.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}
