// Package attribution finds out which program of the machine made a connection.
package attribution

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// processesMax and descriptorsMax bound the search for one program.
	processesMax   = 256
	descriptorsMax = 1024
)

// Origin is where a connection came from, as far as that is known. All of it was chosen by programs.
type Origin struct {
	// Group is the host's name for the command, service or shell.
	Group string
	// Program is what the program calls itself, at most 15 bytes.
	Program string
}

// Tracer traces one connection at a time: a machine has other things to do.
type Tracer struct {
	owner func(number uint64) (label string, processes []int)
	mutex sync.Mutex
	// kernel is what sockets are asked for at, -1 before the first connection.
	kernel int
	answer [answerBytesMax]byte
	// last is the process that made the latest connection, and in most cases makes the next one as well.
	last int
}

// New takes what knows of control groups; nil where there are none.
func New(owner func(number uint64) (label string, processes []int)) *Tracer {
	return &Tracer{owner: owner, kernel: -1}
}

// Warm lets the kernel load what it needs to answer, which takes longer than many a connection lasts.
func (t *Tracer) Warm() {
	if t.owner != nil {
		nowhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
		t.mutex.Lock()
		defer t.mutex.Unlock()
		_, _ = t.findSocket(nowhere, nowhere)
	}
}

// Trace finds the program at the client's end of a connection within the machine.
func (t *Tracer) Trace(client, server netip.AddrPort) Origin {
	if t.owner == nil {
		return Origin{}
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	found, err := t.findSocket(client, server)
	if err != nil {
		return Origin{}
	}
	label, processes := t.owner(found.group)
	return Origin{Group: label, Program: t.programOf(processes, found.number)}
}

// programOf names the process that has the socket.
func (t *Tracer) programOf(processes []int, socket uint32) string {
	processes = processes[:min(len(processes), processesMax)]
	if at := slices.Index(processes, t.last); at > 0 {
		processes[0], processes[at] = processes[at], processes[0]
	}
	wanted := "socket:[" + strconv.FormatUint(uint64(socket), 10) + "]"
	descriptorsLeft := descriptorsMax
	for _, pid := range processes {
		if has(pid, wanted, &descriptorsLeft) {
			t.last = pid
			return commOf(pid)
		}
	}
	return ""
}

func has(pid int, wanted string, descriptorsLeft *int) bool {
	path := "/proc/" + strconv.Itoa(pid) + "/fd"
	directory, err := os.Open(path)
	if err != nil {
		return false
	}
	defer directory.Close()
	names, _ := directory.Readdirnames(*descriptorsLeft)
	if *descriptorsLeft -= len(names); *descriptorsLeft <= 0 {
		return false
	}
	descriptor, target := int(directory.Fd()), make([]byte, len(wanted)+1)
	for _, name := range names {
		n, err := unix.Readlinkat(descriptor, name, target)
		if err == nil && string(target[:n]) == wanted {
			return true
		}
	}
	return false
}

func commOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSuffix(text, []byte("\n")))
}
