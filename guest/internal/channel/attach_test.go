package channel

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const goodLine = "PYRO/1 0123456789abcdef0123456789abcdef\n"

func scanAll(text string, step int) (line, rest string) {
	scanner := attachScanner{}
	for at := 0; at < len(text); at += step {
		chunk := text[at:min(at+step, len(text))]
		if found, after := scanner.scan([]byte(chunk)); found != nil {
			return string(found), string(after) + text[at+len(chunk):]
		}
	}
	return "", ""
}

func TestAttachScannerFindsTheLine(t *testing.T) {
	for name, before := range map[string]string{
		"at once":            "",
		"after a blank line": "\n",
		"after old frames":   strings.Repeat("\x00\xffPYRO", 1000),
		"after half a line":  goodLine[:20],
		"after a bad line":   "PYRO/1 0123456789ABCDEF0123456789abcdef\n",
		"after the prefix":   "PYRO/1 ",
		"after another line": "PYRO/2 0123456789abcdef0123456789abcdef\n",
	} {
		for _, step := range []int{1, 3, 4096} {
			line, rest := scanAll(before+goodLine+"PRI * HTTP/2", step)
			if line != goodLine || rest != "PRI * HTTP/2" {
				t.Errorf("%s in steps of %d: %q, %q", name, step, line, rest)
			}
		}
	}
}

func TestAttachScannerFindsNoOther(t *testing.T) {
	for _, text := range []string{
		strings.ToUpper(goodLine), goodLine[:len(goodLine)-1], strings.Replace(goodLine, "\n", "\r\n", 1),
		"PYRO/1  123456789abcdef0123456789abcdef\n", "PYRO/1 " + strings.Repeat("g", 32) + "\n",
	} {
		if line, _ := scanAll(text, 7); line != "" {
			t.Errorf("%q passed", text)
		}
	}
}

func FuzzAttachScanner(f *testing.F) {
	f.Add([]byte("junk"+goodLine+"rest"), 3)
	f.Add([]byte("PYRO/1 PYRO/1 "+goodLine), 1)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		if step < 1 || step > len(text) {
			return
		}
		line, rest := scanAll(string(text), step)
		if line == "" {
			for at := range text {
				if isAttachLine(text[at:min(at+attachBytes, len(text))]) {
					t.Fatalf("overlooked the line at %d", at)
				}
			}
			return
		}
		if !isAttachLine([]byte(line)) || !bytes.HasSuffix(text, []byte(line+rest)) {
			t.Fatalf("%q, %q", line, rest)
		}
	})
}

// pair is a connected socket: ours as the agent has it, theirs as a host does.
func pair(t *testing.T) (ours *os.File, theirs net.Conn) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	host := os.NewFile(uintptr(ends[1]), "host")
	theirs, err = net.FileConn(host)
	host.Close()
	if err != nil {
		t.Fatal(err)
	}
	ours = os.NewFile(uintptr(ends[0]), "agent")
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return ours, theirs
}

func TestAttachAnswersTheSameLine(t *testing.T) {
	ours, theirs := pair(t)
	go func() { _, _ = theirs.Write([]byte("old bytes" + goodLine + "next")) }()
	ahead, err := attach(ours)
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len(goodLine))
	if _, err := io.ReadFull(theirs, answer); err != nil || string(answer) != goodLine {
		t.Errorf("answered %q, %v", answer, err)
	}
	client := newConnection(ours, ahead, func() {})
	got := make([]byte, 4)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "next" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestAttachEndsWithTheStream(t *testing.T) {
	ours, theirs := pair(t)
	theirs.Close()
	if _, err := attach(ours); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

// TestConnectionEndIsFinal: the descriptor outlives a connection, so a reader or a
// writer that was busy at its end must neither take nor add a byte afterwards.
func TestConnectionEndIsFinal(t *testing.T) {
	ours, theirs := pair(t)
	released := make(chan struct{})
	client := newConnection(ours, nil, func() { close(released) })
	read, written := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := client.Read(make([]byte, 10))
		read <- err
	}()
	go func() {
		for {
			if _, err := client.Write(make([]byte, 1<<20)); err != nil {
				written <- err
				return
			}
		}
	}()
	// The writer is blocked once the socket is full.
	if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	client.Close()
	<-released
	if <-read == nil || <-written == nil {
		t.Error("went on after the end")
	}
	if err := client.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("changed the next one's deadline: %v", err)
	}
	_ = ours.SetDeadline(time.Time{})
	if _, err := theirs.Write([]byte("next")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 4)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("took the next one's bytes: %v", err)
	}
}

func TestListenDescriptorServesOne(t *testing.T) {
	ours, theirs := pair(t)
	descriptor, err := unix.Dup(int(ours.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := ListenDescriptor(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = theirs.Write([]byte(goodLine)) }()
	client, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go client.Close()
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestPortNamed(t *testing.T) {
	class := t.TempDir()
	for port, name := range map[string]string{"vport0p1": "other\n", "vport7p2": PortName + "\n"} {
		if err := os.MkdirAll(class+"/"+port, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(class+"/"+port+"/name", []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := portNamed(class, PortName); got != "/dev/vport7p2" {
		t.Errorf("got %q", got)
	}
	if got := portNamed(class, "absent"); got != "" {
		t.Errorf("got %q", got)
	}
}
