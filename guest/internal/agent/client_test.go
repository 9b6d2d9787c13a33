package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// compatArgument makes the test program play the agent: what is tested is a
// process of its own, with descriptors and memory that can be counted.
const compatArgument = "--host-compat"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == networkArgument {
		os.Exit(runNetworked(os.Args[2]))
	}
	if len(os.Args) > 1 && os.Args[1] == clientArgument {
		os.Exit(runClient(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == compatArgument {
		os.Exit(RunHostCompat(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// host is the host's side of one agent.
type host struct {
	*testing.T
	process *exec.Cmd
	socket  net.Conn
	http    *http.Client
	root    string
}

func startAgent(t *testing.T) *host {
	t.Helper()
	h, err := tryStartAgent(t, nil, func(root string) []string { return []string{compatArgument, "--socket-fd", "3", "--root", root} })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// tryStartAgent fails only where this process may not start one like that.
func tryStartAgent(t *testing.T, attributes *syscall.SysProcAttr, arguments func(root string) []string) (*host, error) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := os.NewFile(uintptr(ends[0]), "agent"), os.NewFile(uintptr(ends[1]), "host")
	defer theirs.Close()
	socket, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{T: t, socket: socket, root: t.TempDir()}
	h.process = exec.Command("/proc/self/exe", arguments(h.root)...)
	h.process.ExtraFiles = []*os.File{theirs}
	h.process.Stderr = os.Stderr
	h.process.SysProcAttr = attributes
	if err := h.process.Start(); err != nil {
		socket.Close()
		return nil, err
	}
	t.Cleanup(func() {
		socket.Close()
		_ = h.process.Process.Kill()
		_ = h.process.Wait()
	})
	h.attach()
	return h, nil
}

func (h *host) attach() {
	h.Helper()
	line := "PYRO/1 00112233445566778899aabbccddeeff\n"
	if _, err := io.WriteString(h.socket, "left over"+line); err != nil {
		h.Fatal(err)
	}
	answer := make([]byte, len(line))
	if _, err := io.ReadFull(h.socket, answer); err != nil || string(answer) != line {
		h.Fatalf("attach: %q, %v", answer, err)
	}
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	dialed := make(chan net.Conn, 1)
	dialed <- h.socket
	h.http = &http.Client{Transport: &http.Transport{
		Protocols:       protocols,
		MaxConnsPerHost: 1,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case socket := <-dialed:
				return socket, nil
			default:
				return nil, net.ErrClosed
			}
		},
	}}
}

func (h *host) request(method, path string, body io.Reader) (int, []byte) {
	h.Helper()
	request, err := http.NewRequest(method, "http://agent"+path, body)
	if err != nil {
		h.Fatal(err)
	}
	response, err := h.http.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get(protocol.VersionHeader); got != "1" {
		h.Errorf("%s has version %q", path, got)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		h.Fatal(err)
	}
	return response.StatusCode, text
}

// refused fails unless the request is refused with the code.
func (h *host) refused(method, path, body string, code protocol.Code) {
	h.Helper()
	status, text := h.request(method, path, strings.NewReader(body))
	var refusal struct {
		Error protocol.Failure `json:"error"`
	}
	if err := json.Unmarshal(text, &refusal); err != nil || refusal.Error.Code != code || status < 400 || refusal.Error.Message == "" {
		h.Errorf("%s %s %.60q: %d %s", method, path, body, status, text)
	}
}

const activation = `{"entropy":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","unix_time_ns":"1766000000000000000",` +
	`"hostname":"pyro-test","machine_id":"00112233445566778899aabbccddeeff","default_env":["FROM_DEFAULT=1","OVERRIDDEN=no"]}`

func startActivated(t *testing.T) *host {
	t.Helper()
	h := startAgent(t)
	if status, text := h.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Fatalf("activate: %d %s", status, text)
	}
	return h
}

// command is what an exec request says; zero fields are left out.
type command struct {
	Command     []string `json:"command"`
	Env         []string `json:"env,omitempty"`
	Cwd         string   `json:"cwd,omitempty"`
	User        string   `json:"user,omitempty"`
	TimeoutMs   int      `json:"timeout_ms,omitempty"`
	KillGraceMs *int     `json:"kill_grace_ms,omitempty"`
	NoStdin     bool     `json:"no_stdin,omitempty"`
	// number is the command's for its late output; 0 for none.
	number int
}

func shell(script string) command { return command{Command: []string{"sh", "-c", script}} }

// outcome is a whole exec response.
type outcome struct {
	started     *protocol.Started
	stdout      bytes.Buffer
	stderr      bytes.Buffer
	end         protocol.End
	stdoutBytes int64
}

func (h *host) start(ctx context.Context, wanted command, stdin io.Reader) (io.ReadCloser, error) {
	document, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	body := io.Reader(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(document))), document...)))
	if stdin != nil {
		body = io.MultiReader(body, stdin)
	}
	request, err := http.NewRequestWithContext(ctx, "POST", "http://agent/v1/exec", body)
	if err != nil {
		return nil, err
	}
	if wanted.number > 0 {
		request.Header.Set(protocol.CommandNumberHeader, strconv.Itoa(wanted.number))
	}
	response, err := h.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != 200 {
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		return nil, fmt.Errorf("%d %s", response.StatusCode, text)
	}
	return response.Body, nil
}

// exec runs one command to its end.
func (h *host) exec(wanted command, stdin io.Reader) *outcome {
	h.Helper()
	result, err := h.tryExec(wanted, stdin)
	if err != nil {
		h.Fatalf("%q: %v", wanted.Command, err)
	}
	return result
}

func (h *host) tryExec(wanted command, stdin io.Reader) (*outcome, error) {
	body, err := h.start(context.Background(), wanted, stdin)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readFrames(body)
}

func readFrames(body io.Reader) (*outcome, error) {
	result := &outcome{}
	header := make([]byte, protocol.FrameHeaderBytes)
	for first := true; ; first = false {
		if _, err := io.ReadFull(body, header); err != nil {
			return nil, fmt.Errorf("no end: %w", err)
		}
		length := binary.BigEndian.Uint32(header[1:])
		if length > protocol.FramePayloadMax {
			return nil, fmt.Errorf("a frame of %d bytes", length)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(body, payload); err != nil {
			return nil, err
		}
		isEnd, err := result.take(protocol.FrameKind(header[0]), payload, first)
		if err != nil {
			return nil, err
		}
		if isEnd {
			rest, err := io.ReadAll(body)
			if err != nil || len(rest) > 0 {
				return nil, fmt.Errorf("after the end: %q, %v", rest, err)
			}
			return result, nil
		}
	}
}

const keptBytesMax = 16 << 20

func (o *outcome) take(kind protocol.FrameKind, payload []byte, isFirst bool) (isEnd bool, err error) {
	switch kind {
	case protocol.FrameOutput:
		o.stdoutBytes += int64(len(payload))
		if o.stdout.Len() < keptBytesMax {
			o.stdout.Write(payload)
		}
	case protocol.FrameError:
		o.stderr.Write(payload)
	case protocol.FrameStarted:
		if !isFirst {
			return false, fmt.Errorf("started late")
		}
		o.started = &protocol.Started{}
		return false, json.Unmarshal(payload, o.started)
	case protocol.FrameEnd:
		return true, json.Unmarshal(payload, &o.end)
	default:
		return false, fmt.Errorf("frame kind %d", kind)
	}
	return false, nil
}

// code is the exit code, -1 for none.
func (o *outcome) code() int {
	if o.end.ExitCode == nil {
		return -1
	}
	return *o.end.ExitCode
}

// agentNumber reads a number from the agent's /proc files.
func (h *host) residentBytes() int64 {
	h.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.process.Process.Pid))
	if err != nil {
		h.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	h.Fatal("no VmRSS")
	return 0
}

func (h *host) descriptorCount() int {
	h.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.process.Process.Pid))
	if err != nil {
		h.Fatal(err)
	}
	return len(entries)
}

// eventually waits for what another process does in its own time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func isAlive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(after, "Z")
}
