package agent

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

func TestBeforeActivation(t *testing.T) {
	h := startAgent(t)
	status, text := h.request("GET", "/v1/health", nil)
	var health protocol.Health
	if err := json.Unmarshal(text, &health); err != nil || status != 200 || health.Protocol != 1 || health.Activated {
		t.Errorf("%d %s", status, text)
	}
	h.refused("POST", "/v1/exec", "", protocol.CodeNotActivated)
	h.refused("POST", "/v1/activate", "{}", protocol.CodeBadRequest)
	h.refused("POST", "/v1/activate", "nonsense", protocol.CodeBadRequest)
	if status, text := h.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	h.refused("POST", "/v1/activate", activation, protocol.CodeConflict)
	h.refused("POST", "/v1/build/layer", "", protocol.CodeUnsupported)
	h.refused("POST", "/v1/build/finish", "", protocol.CodeUnsupported)
	h.refused("GET", "/v1/exec", "", protocol.CodeNotFound)
	h.refused("GET", "/", "", protocol.CodeNotFound)
	if status, text := h.request("POST", "/v1/sync", nil); status != 200 || string(text) != "{}" {
		t.Errorf("sync: %d %s", status, text)
	}
}

func TestExecRefusals(t *testing.T) {
	h := startActivated(t)
	h.refused("POST", "/v1/exec", "", protocol.CodeBadRequest)
	h.refused("POST", "/v1/exec", "\x00\x00\x00\x02{}", protocol.CodeBadRequest)
	h.refused("POST", "/v1/exec", "\xff\xff\xff\xff{}", protocol.CodeLimitExceeded)
	h.refused("POST", "/v1/exec", "\x00\x00\x00\x09{}", protocol.CodeBadRequest)
}

func TestExecEndings(t *testing.T) {
	h := startActivated(t)
	for script, want := range map[string]struct {
		code   int
		signal string
	}{
		"exit 0": {0, ""}, "exit 7": {7, ""}, "exit 255": {255, ""}, "false": {1, ""},
		"kill -KILL $$": {-1, "KILL"}, "kill -TERM $$": {-1, "TERM"}, "kill -SEGV $$": {-1, "SEGV"},
	} {
		result := h.exec(shell(script), nil)
		if result.code() != want.code || result.end.Signal != want.signal || result.end.TimedOut || result.end.NotStarted != "" {
			t.Errorf("%s: %+v", script, result.end)
		}
		if result.started == nil || result.started.PID <= 0 {
			t.Errorf("%s: started %v", script, result.started)
		}
	}
}

func TestExecOutputsAndWorld(t *testing.T) {
	h := startActivated(t)
	wanted := shell(`echo out; echo err >&2; pwd; echo $FROM_DEFAULT $OVERRIDDEN $MINE; ps -o sess=,pgid= -p $$ | xargs; echo $$`)
	wanted.Env = []string{"OVERRIDDEN=yes", "MINE=a=b"}
	result := h.exec(wanted, nil)
	pid := result.started.PID
	want := fmt.Sprintf("out\n%s\n1 yes a=b\n%d %d\n%d\n", h.root, pid, pid, pid)
	if result.stdout.String() != want || result.stderr.String() != "err\n" {
		t.Errorf("%q, %q", result.stdout.String(), result.stderr.String())
	}
	if got := h.exec(command{Command: []string{"pwd"}, Cwd: "/"}, nil).stdout.String(); got != "/\n" {
		t.Errorf("cwd %q", got)
	}
}

func TestExecNotStarted(t *testing.T) {
	h := startActivated(t)
	write := func(name, content string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(h.root, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("plain", "x", 0o644)
	write("text", "echo no interpreter\n", 0o755)
	write("orphan", "#!/nonexistent/interpreter\n", 0o755)
	write("broken", "\x7fELF and nothing more", 0o755)
	for name, test := range map[string]struct {
		wanted command
		reason protocol.NotStartedReason
	}{
		"unknown name":        {command{Command: []string{"no-such-program"}}, protocol.CommandNotFound},
		"unknown path":        {command{Command: []string{"./none"}}, protocol.CommandNotFound},
		"empty PATH":          {command{Command: []string{"sh"}, Env: []string{"PATH=/nonexistent"}}, protocol.CommandNotFound},
		"no permission":       {command{Command: []string{"./plain"}}, protocol.PermissionDenied},
		"a directory":         {command{Command: []string{"/"}}, protocol.PermissionDenied},
		"no program":          {command{Command: []string{"./text"}}, protocol.NotExecutable},
		"no interpreter":      {command{Command: []string{"./orphan"}}, protocol.NotExecutable},
		"damaged":             {command{Command: []string{"./broken"}}, protocol.NotExecutable},
		"no directory":        {command{Command: []string{"sh"}, Cwd: "/nonexistent"}, protocol.CwdNotFound},
		"file as a directory": {command{Command: []string{"sh"}, Cwd: "/dev/null"}, protocol.CwdNotFound},
		"no user":             {command{Command: []string{"sh"}, User: "no-such-user"}, protocol.UserNotFound},
		"too long":            {command{Command: []string{"sh", strings.Repeat("x", 1<<18)}}, protocol.StartFailed},
	} {
		result := h.exec(test.wanted, nil)
		if result.end.NotStarted != test.reason || result.end.Message == "" || result.started != nil || result.end.ExitCode != nil {
			t.Errorf("%s: %+v", name, result.end)
		}
	}
	relative := h.exec(command{Command: []string{"./sub/tool"}}, nil)
	if relative.end.NotStarted != protocol.CommandNotFound {
		t.Errorf("%+v", relative.end)
	}
	if err := os.Mkdir(filepath.Join(h.root, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("sub/tool", "#!/bin/sh\necho found\n", 0o755)
	for _, wanted := range []command{
		{Command: []string{"./sub/tool"}},
		{Command: []string{"./tool"}, Cwd: filepath.Join(h.root, "sub")},
		{Command: []string{"tool"}, Env: []string{"PATH=/nonexistent:sub"}},
		{Command: []string{"tool"}, Env: []string{"PATH="}, Cwd: filepath.Join(h.root, "sub")},
	} {
		if got := h.exec(wanted, nil).stdout.String(); got != "found\n" {
			t.Errorf("%+v: %q", wanted, got)
		}
	}
}

func TestExecAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: only it becomes another user")
	}
	h := startActivated(t)
	result := h.exec(command{Command: []string{"sh", "-c", "id -u; id -g; echo $HOME"}, User: "4321:8765", Cwd: "/"}, nil)
	if got := result.stdout.String(); got != "4321\n8765\n/\n" {
		t.Errorf("%q %q %+v", got, result.stderr.String(), result.end)
	}
	if err := os.Mkdir(filepath.Join(h.root, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	denied := h.exec(command{Command: []string{"true"}, User: "4321:8765", Cwd: filepath.Join(h.root, "private")}, nil)
	if denied.end.NotStarted != protocol.PermissionDenied {
		t.Errorf("%+v", denied.end)
	}
	if got := h.exec(command{Command: []string{"id", "-u"}}, nil).stdout.String(); got != "0\n" {
		t.Errorf("afterwards %q", got)
	}
}

func milliseconds(n int) *int { return &n }

// TestTimeoutEndsTheWholeTree includes a process that left the session and one that takes no TERM.
func TestTimeoutEndsTheWholeTree(t *testing.T) {
	h := startActivated(t)
	wanted := shell(`trap "" TERM; (setsid sh -c 'echo $$ > gone; exec sleep 60' &) ; echo $$ > stubborn; while :; do sleep 1; done`)
	wanted.TimeoutMs, wanted.KillGraceMs = 400, milliseconds(100)
	began := time.Now()
	result := h.exec(wanted, nil)
	if !result.end.TimedOut || result.end.Signal != "KILL" || result.end.ExitCode != nil {
		t.Errorf("%+v", result.end)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	for _, name := range []string{"gone", "stubborn"} {
		if pid := h.readPID(name); isAlive(pid) {
			t.Errorf("%s (%d) is alive", name, pid)
		}
	}
}

func (h *host) readPID(name string) int {
	h.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, name))
	if err != nil {
		h.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		h.Fatal(err)
	}
	return pid
}

func TestTimeoutLetsEndInPeace(t *testing.T) {
	h := startActivated(t)
	wanted := shell(`trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done`)
	wanted.TimeoutMs, wanted.KillGraceMs = 200, milliseconds(10000)
	result := h.exec(wanted, nil)
	if !result.end.TimedOut || result.code() != 3 || result.stdout.String() != "bye\n" {
		t.Errorf("%+v, %q", result.end, result.stdout.String())
	}
}

func TestResetEndsTheCommand(t *testing.T) {
	h := startActivated(t)
	ctx, cancel := context.WithCancel(context.Background())
	body, err := h.start(ctx, shell(`(setsid sleep 60 & echo $! > child); echo $$ > leader; echo go; sleep 60`), nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(h.root, "leader"))
		return len(text) > 0
	})
	cancel()
	body.Close()
	for _, name := range []string{"leader", "child"} {
		pid := h.readPID(name)
		eventually(t, name+" ends", func() bool { return !isAlive(pid) })
	}
	if h.exec(shell("exit 4"), nil).code() != 4 {
		t.Error("the agent does not go on")
	}
}

func TestHangingUpEndsEverything(t *testing.T) {
	h := startActivated(t)
	h.exec(shell(`setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $! > left`), nil)
	if _, err := h.start(context.Background(), shell(`echo $$ > running; sleep 60`), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the command runs", func() bool {
		text, _ := os.ReadFile(filepath.Join(h.root, "running"))
		return len(text) > 0
	})
	h.socket.Close()
	ended := make(chan error, 1)
	go func() { ended <- h.process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the agent stays")
	}
	for _, name := range []string{"running", "left"} {
		if pid := h.readPID(name); isAlive(pid) {
			t.Errorf("%s (%d) is alive", name, pid)
		}
	}
}

func TestManyCommandsSideBySide(t *testing.T) {
	h := startActivated(t)
	h.exec(shell("exit 0"), nil)
	before := h.descriptorCount()
	const workers, each = 16, 40
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range each {
				code := (worker*each + n) % 200
				result, err := h.tryExec(shell(fmt.Sprintf("echo %d; exit %d", code, code)), nil)
				if err != nil || result.code() != code || result.stdout.String() != fmt.Sprintln(code) {
					t.Errorf("%d: %v", code, err)
					return
				}
			}
		}()
	}
	group.Wait()
	eventually(t, "descriptors are closed", func() bool { return h.descriptorCount() <= before+2 })
}

func TestPowerOff(t *testing.T) {
	h := startActivated(t)
	h.exec(shell(`trap "" TERM; setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $! > left`), nil)
	if status, text := h.request("POST", "/v1/power-off", nil); status != 200 || string(text) != "{}" {
		t.Errorf("%d %s", status, text)
	}
	if err := h.process.Wait(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if pid := h.readPID("left"); isAlive(pid) {
		t.Errorf("%d is alive", pid)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	h := startActivated(t)
	request, err := http.NewRequest("GET", "http://agent/v1/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("x-huge", strings.Repeat("x", 64<<10))
	response, err := h.http.Do(request)
	if err == nil {
		response.Body.Close()
		if response.StatusCode < 400 {
			t.Errorf("%d", response.StatusCode)
		}
	}
	if status, _ := h.request("GET", "/v1/health", nil); status != 200 {
		t.Errorf("afterwards %d", status)
	}
}

func TestExecTakesBytesThatAreNoText(t *testing.T) {
	h := startActivated(t)
	document := `{"command":["printf","%s",{"base64":"//4="}]}`
	body := append(binary.BigEndian.AppendUint32(nil, uint32(len(document))), document...)
	status, text := h.request("POST", "/v1/exec", bytes.NewReader(body))
	if status != 200 || !bytes.Contains(text, []byte("\x01\x00\x00\x00\x02\xff\xfe")) {
		t.Errorf("%d %q", status, text)
	}
}
