package channel

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func dialSocket(t *testing.T, path string) net.Conn {
	t.Helper()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func attachTo(t *testing.T, client net.Conn) {
	t.Helper()
	if _, err := io.WriteString(client, goodLine); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len(goodLine))
	if _, err := io.ReadFull(client, answer); err != nil || string(answer) != goodLine {
		t.Fatalf("answered %q, %v", answer, err)
	}
}

func TestSocketServesOneClientAfterTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := os.Stat(path); err != nil || status.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", status.Mode(), err)
	}
	if _, err := ListenSocket(path); err == nil {
		t.Error("two listen on one socket")
	}
	served := make(chan net.Conn)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				close(served)
				return
			}
			served <- client
		}
	}()
	first, second := dialSocket(t, path), dialSocket(t, path)
	go func() { _, _ = io.WriteString(second, goodLine) }()
	attachTo(t, first)
	serving := <-served
	select {
	case <-served:
		t.Fatal("two are served at once")
	default:
	}
	first.Close()
	serving.Close()
	serving = <-served
	answer := make([]byte, len(goodLine))
	if _, err := io.ReadFull(second, answer); err != nil || string(answer) != goodLine {
		t.Errorf("the second is told %q, %v", answer, err)
	}
	// One that leaves without a word holds nobody up.
	serving.Close()
	dialSocket(t, path).Close()
	attachTo(t, dialSocket(t, path))
	(<-served).Close()
	listener.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left")
	}
	if _, isOpen := <-served; isOpen {
		t.Error("a closed listener serves")
	}
}

func TestSocketOfOneThatDied(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long", 50), "agent.sock")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	// As its process's end would.
	first.(*socketListener).file.Close()
	second, err := ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file was replaced: %v", err)
	}
}
