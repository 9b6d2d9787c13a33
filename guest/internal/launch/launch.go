// Package launch runs on the host, in front of pyro's command line: where a process has that loaded and waits, it is given the command
// line and its streams, and answers tens of milliseconds earlier than one that has to start.
package launch

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// answerMax is what a process that waits takes at most, or another is started.
	answerMax = time.Second
	taken     = "taken\n"
	// exitNotStarted is what shells answer for a program that cannot be run.
	exitNotStarted = 126
)

// Run plays the launcher and answers the exit code. The arguments are the socket of who waits, and the command that starts pyro anew:
// Node, its options, the program and what it is to do.
func Run(arguments []string) int {
	if len(arguments) < 3 {
		os.Stderr.WriteString("usage: pyro-launch SOCKET NODE [OPTION…] PROGRAM [ARGUMENT…]\n")
		return exitNotStarted
	}
	socket, command := arguments[0], arguments[1:]
	if call, err := hand(socket, command); err == nil {
		return call.relay()
	}
	err := unix.Exec(command[0], command, os.Environ())
	os.Stderr.WriteString("error: " + command[0] + " cannot be run: " + err.Error() + "\n")
	return exitNotStarted
}

// call is a command line that somebody has taken.
type call struct {
	control *net.UnixConn
	events  *bufio.Reader
	// streams are those of standard input, output and error.
	streams [3]*net.UnixConn
}

// hand offers the command line. After an error nobody has taken it: it is begun only when its streams have come.
func hand(socket string, command []string) (*call, error) {
	// A path may be longer than an address.
	directory, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	address := &net.UnixAddr{Net: "unix", Name: "/proc/self/fd/" + strconv.Itoa(int(directory.Fd())) + "/" + filepath.Base(socket)}
	control, err := net.DialUnix("unix", nil, address)
	if err != nil {
		return nil, err
	}
	if !isOurs(control) {
		control.Close()
		return nil, errRefused
	}
	c := &call{control: control, events: bufio.NewReader(control)}
	if err := c.offer(command, address); err != nil {
		control.Close()
		return nil, err
	}
	return c, nil
}

// isOurs tells whether who listens is the same user: nobody else is given what the environment holds.
func isOurs(control *net.UnixConn) bool {
	raw, err := control.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = raw.Control(func(descriptor uintptr) {
		peer, err := unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
		is = err == nil && int(peer.Uid) == os.Geteuid()
	})
	return err == nil && is
}

func (c *call) offer(command []string, address *net.UnixAddr) error {
	if err := c.control.SetDeadline(time.Now().Add(answerMax)); err != nil {
		return err
	}
	greeting, err := c.events.ReadString('\n')
	if err != nil {
		return err
	}
	secret, err := prove(greeting)
	if err != nil {
		return err
	}
	request, err := describe(secret, command)
	if err != nil {
		return err
	}
	if _, err := c.control.Write(request); err != nil {
		return err
	}
	if answer, err := c.events.ReadString('\n'); err != nil || answer != taken {
		return errRefused
	}
	for i := range c.streams {
		stream, err := net.DialUnix("unix", nil, address)
		if err != nil {
			return err
		}
		c.streams[i] = stream
		if _, err := stream.Write([]byte(secret + strconv.Itoa(i) + "\n")); err != nil {
			return err
		}
	}
	return c.control.SetDeadline(time.Time{})
}

// prove shows who we are to a process that would do nothing for one that may do less than itself: that we can be seen under a name of its
// choice, and can see what it holds.
func prove(greeting string) (secret string, err error) {
	fields := strings.Fields(greeting)
	if len(fields) != 3 {
		return "", errRefused
	}
	name, holder, descriptor := fields[0], fields[1], fields[2]
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return "", err
	}
	held, err := os.ReadFile("/proc/" + holder + "/fd/" + descriptor)
	return string(held), err
}
