package agent

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/channel"
	"pyro.dev/guest/internal/compat"
	"pyro.dev/guest/internal/egress"
	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/server"
)

// networkArgument makes the test program an agent in a network of its own, which has nothing but loopback, as a machine's.
const networkArgument = "--network"

func runNetworked(root string) int {
	if err := exec.Command("ip", "link", "set", "lo", "up").Run(); err != nil {
		fmt.Fprintln(os.Stderr, "lo:", err)
		return 1
	}
	walls, err := compat.New()
	if err != nil {
		return 1
	}
	listener, err := channel.ListenDescriptor(3)
	if err != nil {
		return 1
	}
	resolver := filepath.Join(root, "resolv.conf")
	out := egress.New(egress.Places{WriteResolver: func(address netip.Addr) error {
		if err := os.WriteFile(resolver, []byte("nameserver "+address.String()+"\n"), 0o644); err != nil {
			return err
		}
		return unix.Mount(resolver, "/etc/resolv.conf", "", unix.MS_BIND, "")
	}, Owner: func(uint64) (string, []int) { return "command:7", children() }})
	_ = server.New(server.Backend{
		Walls:    walls,
		Root:     compat.Root,
		Activate: func(request *protocol.ActivateRequest) error { request.DefaultCwd = protocol.Text(root); return nil },
		Egress:   out,
	}, time.Now()).Serve(listener)
	return 0
}

// children are the processes that the agent started.
func children() []int {
	entries, _ := os.ReadDir("/proc")
	own, _ := os.Readlink("/proc/self/ns/net")
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if theirs, _ := os.Readlink("/proc/" + entry.Name() + "/ns/net"); err == nil && theirs == own && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

// startNetworked starts such an agent, and skips the test where this process may not.
func startNetworked(t *testing.T) *host {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no program ip here")
	}
	attributes := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWNS}
	h, err := tryStartAgent(t, attributes, func(root string) []string { return []string{networkArgument, root} })
	if errors.Is(err, unix.EPERM) {
		t.Skip("a network of one's own needs root")
	}
	if err != nil {
		t.Fatal(err)
	}
	if status, text := h.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Fatalf("activate: %d %s", status, text)
	}
	return h
}

// decision is what the host does about a line; address, where there is one, is dialled.
type decision struct {
	protocol.EgressAnswer
	address string
	// isSilent leaves the line without an answer.
	isSilent bool
}

// gate is the host's end of the way out.
type gate struct {
	*host
	body   *io.PipeWriter
	answer io.ReadCloser
	decide func(protocol.EgressLine) decision

	mutex sync.Mutex
	lines []protocol.EgressLine
	ended chan struct{}
}

func (h *host) openGate(decide func(protocol.EgressLine) decision) *gate {
	h.Helper()
	reader, writer := io.Pipe()
	request, err := http.NewRequest("POST", "http://agent/v1/egress", reader)
	if err != nil {
		h.Fatal(err)
	}
	response, err := h.http.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(response.Body)
		if strings.Contains(string(text), unix.EPERM.Error()) {
			h.Skipf("programs may not be loaded into this kernel: %s", text)
		}
		h.Fatalf("%d %s", response.StatusCode, text)
	}
	g := &gate{host: h, body: writer, answer: response.Body, decide: decide, ended: make(chan struct{})}
	h.Cleanup(g.leave)
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != `{"kind":"open"}` {
		h.Fatalf("the first line is %q", lines.Text())
	}
	go g.follow(lines)
	return g
}

func (g *gate) leave() {
	_ = g.body.CloseWithError(net.ErrClosed)
	_ = g.answer.Close()
}

func (g *gate) follow(lines *bufio.Scanner) {
	defer close(g.ended)
	for lines.Scan() {
		var line protocol.EgressLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || len(lines.Bytes()) >= protocol.EgressLineBytesMax {
			g.Errorf("%q: %v", lines.Text(), err)
			return
		}
		g.mutex.Lock()
		g.lines = append(g.lines, line)
		g.mutex.Unlock()
		if line.Kind != protocol.EgressName && line.Kind != protocol.EgressConnection {
			continue
		}
		decided := g.decide(line)
		switch {
		case decided.isSilent:
		case decided.address != "":
			go g.carry(line.ID, decided.address)
		default:
			decided.ID = line.ID
			text, _ := json.Marshal(decided.EgressAnswer)
			_, _ = g.body.Write(append(text, '\n'))
		}
	}
}

// said answers the lines so far of that kind.
func (g *gate) said(kind string) []protocol.EgressLine {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	var found []protocol.EgressLine
	for _, line := range g.lines {
		if line.Kind == kind {
			found = append(found, line)
		}
	}
	return found
}

// carry joins a connection with a server of the host's.
func (g *gate) carry(id uint64, address string) {
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	f, status := g.forwardPath(fmt.Sprintf("/v1/egress/connection?id=%d", id))
	if status != 200 {
		return
	}
	defer f.leave()
	credits := make(chan int, 1<<16)
	go func() {
		buffer := make([]byte, 16<<10)
		window := protocol.ForwardWindowToGuest
		for {
			for window < len(buffer) {
				window += <-credits
			}
			n, err := far.Read(buffer)
			window -= n
			if n > 0 && f.send(protocol.ForwardData, buffer[:n]) != nil {
				return
			}
			if err != nil {
				_ = f.send(protocol.ForwardEnd, nil)
				return
			}
		}
	}()
	// The server may wait for room before it takes more, and that room is made by credits: they are read meanwhile.
	pieces, written := make(chan []byte, 1<<12), make(chan struct{})
	go func() {
		defer close(written)
		for piece := range pieces {
			if _, err := far.Write(piece); err != nil {
				return
			}
			_ = f.credit(len(piece))
		}
		_ = far.(*net.TCPConn).CloseWrite()
	}()
	for isOpen := true; ; {
		kind, payload, err := f.next()
		switch {
		case err != nil:
			if isOpen {
				_ = far.Close()
				close(pieces)
			}
			<-written
			return
		case kind == protocol.ForwardCredit:
			credits <- int(binary.BigEndian.Uint32(payload))
		case kind == protocol.ForwardEnd:
			isOpen = false
			close(pieces)
		case kind == protocol.ForwardData:
			pieces <- payload
		}
	}
}

// allowTo lets every name exist, and every connection reach that address.
func allowTo(address string) func(protocol.EgressLine) decision {
	return func(line protocol.EgressLine) decision {
		if line.Kind == protocol.EgressName {
			return decision{EgressAnswer: protocol.EgressAnswer{Answer: protocol.EgressOK}}
		}
		return decision{address: address}
	}
}

func denied(rule, reason string) decision {
	return decision{EgressAnswer: protocol.EgressAnswer{Answer: protocol.EgressDenied, Rule: rule, Reason: reason}}
}
