package launch

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var errRefused = errors.New("nobody takes it")

// version of what describe answers.
const version = "1"

// Numbers of /dev/null.
const nullMajor, nullMinor = 1, 3

// describe answers all that a command line is and is run with, each behind a NUL that no such text holds, after their length in a line.
func describe(secret string, command []string) ([]byte, error) {
	program, arguments := split(command)
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	columns, rows := size()
	fields := []string{
		version, secret, program, strconv.Itoa(os.Getpid()), strconv.Itoa(mask), directory,
		inputKind(), flag(isTerminal(1)), flag(isTerminal(2)), strconv.Itoa(columns), strconv.Itoa(rows),
		strconv.Itoa(len(arguments)),
	}
	text := strings.Join(append(append(fields, arguments...), os.Environ()...), "\x00")
	return []byte(strconv.Itoa(len(text)) + "\n" + text), nil
}

// split tells the program from Node and its options before, and its arguments behind.
func split(command []string) (program string, arguments []string) {
	for i, argument := range command[1:] {
		if !strings.HasPrefix(argument, "-") {
			return argument, command[i+2:]
		}
	}
	return "", nil
}

func isTerminal(descriptor int) bool {
	_, err := unix.IoctlGetTermios(descriptor, unix.TCGETS)
	return err == nil
}

func inputKind() string {
	if isTerminal(0) {
		return "terminal"
	}
	var status unix.Stat_t
	if err := unix.Fstat(0, &status); err == nil && status.Mode&unix.S_IFMT == unix.S_IFCHR && status.Rdev == unix.Mkdev(nullMajor, nullMinor) {
		return "nothing"
	}
	return "data"
}

// size is that of the terminal that output goes to, or 0.
func size() (columns, rows int) {
	window, err := unix.IoctlGetWinsize(1, unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(window.Col), int(window.Row)
}

func flag(value bool) string {
	if value {
		return "1"
	}
	return "0"
}
