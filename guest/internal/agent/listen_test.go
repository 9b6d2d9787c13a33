package agent

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// startListening starts an agent with a socket of its own.
func startListening(t *testing.T) (process *exec.Cmd, socket, root string) {
	t.Helper()
	socket, root = filepath.Join(t.TempDir(), "agent.sock"), t.TempDir()
	process = exec.Command("/proc/self/exe", compatArgument, "--listen", socket, "--root", root)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	eventually(t, "the socket is there", func() bool { _, err := os.Lstat(socket); return err == nil })
	return process, socket, root
}

func adopt(t *testing.T, process *exec.Cmd, socket, root string) *host {
	t.Helper()
	client, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	h := &host{T: t, process: process, socket: client, root: root}
	h.attach()
	return h
}

func TestListeningAgentOutlivesItsClients(t *testing.T) {
	process, socket, root := startListening(t)
	first := adopt(t, process, socket, root)
	if status, text := first.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Fatalf("activate: %d %s", status, text)
	}
	body, err := first.start(context.Background(), shell("echo $$ > pid; exec sleep 1000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var pid string
	eventually(t, "the command runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(root, "pid"))
		pid = strings.TrimSpace(string(text))
		return pid != ""
	})
	first.socket.Close()
	eventually(t, "its command ended with the client", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return err != nil
	})
	for range 3 {
		next := adopt(t, process, socket, root)
		if result := next.exec(shell("cat pid"), nil); result.code() != 0 || strings.TrimSpace(result.stdout.String()) != pid {
			t.Errorf("%+v %q", result.end, result.stdout.String())
		}
		if status, text := next.request("POST", "/v1/activate", strings.NewReader(activation)); status != 409 {
			t.Errorf("activated again: %d %s", status, text)
		}
		next.socket.Close()
	}
}

func TestListeningAgentEnds(t *testing.T) {
	process, socket, root := startListening(t)
	h := adopt(t, process, socket, root)
	if status, text := h.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Fatalf("activate: %d %s", status, text)
	}
	body, err := h.start(context.Background(), shell("trap '' HUP; echo; exec sleep 1000"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if err := process.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is left")
	}
}

func TestArgumentsOfListen(t *testing.T) {
	for _, arguments := range [][]string{
		{compatArgument, "--root", t.TempDir()},
		{compatArgument, "--listen", "x", "--socket-fd", "3", "--root", t.TempDir()},
		{compatArgument, "--listen", "x"},
	} {
		if code := RunHostCompat(arguments); code != 2 {
			t.Errorf("%v: exit code %d", arguments, code)
		}
	}
}
