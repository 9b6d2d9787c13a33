package channel

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// acceptOn waits for the next client of a listening socket.
func acceptOn(listening *os.File) (*os.File, error) {
	raw, err := listening.SyscallConn()
	if err != nil {
		return nil, err
	}
	accepted, acceptErr := -1, error(nil)
	err = raw.Read(func(descriptor uintptr) bool {
		accepted, _, acceptErr = unix.Accept4(int(descriptor), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !errors.Is(acceptErr, unix.EAGAIN) && !errors.Is(acceptErr, unix.EINTR) && !errors.Is(acceptErr, unix.ECONNABORTED)
	})
	if err = errors.Join(err, acceptErr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(accepted), "client"), nil
}
