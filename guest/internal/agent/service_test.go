package agent

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

// wantedService is what a request says; zero fields are left out.
type wantedService struct {
	Name            string         `json:"name"`
	Command         []string       `json:"command"`
	Env             []string       `json:"env,omitempty"`
	Readiness       map[string]any `json:"readiness,omitempty"`
	ReadyTimeoutMs  int            `json:"ready_timeout_ms,omitempty"`
	ReadyIntervalMs int            `json:"ready_interval_ms,omitempty"`
	StopGraceMs     *int           `json:"stop_grace_ms,omitempty"`
	Restart         string         `json:"restart,omitempty"`
	KeepLog         bool           `json:"keep_log,omitempty"`
}

func script(name, text string) wantedService {
	return wantedService{Name: name, Command: []string{"sh", "-c", text}}
}

func (h *host) statusOf(method, path string, body io.Reader) protocol.ServiceStatus {
	h.Helper()
	code, text := h.request(method, path, body)
	var status protocol.ServiceStatus
	if err := json.Unmarshal(text, &status); err != nil || code != 200 {
		h.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	return status
}

func (h *host) startService(wanted wantedService) protocol.ServiceStatus {
	h.Helper()
	document, _ := json.Marshal(wanted)
	return h.statusOf("POST", "/v1/service/start", strings.NewReader(string(document)))
}

func (h *host) awaitService(name string) protocol.ServiceStatus {
	h.Helper()
	return h.statusOf("GET", "/v1/service/await?name="+name, nil)
}

func (h *host) stopService(name string) protocol.ServiceStatus {
	h.Helper()
	return h.statusOf("POST", "/v1/service/stop?name="+name, nil)
}

func (h *host) service(name string) protocol.ServiceStatus {
	h.Helper()
	_, text := h.request("GET", "/v1/service/list", nil)
	var list protocol.ServiceList
	if err := json.Unmarshal(text, &list); err != nil {
		h.Fatalf("%s", text)
	}
	for _, status := range list.Services {
		if status.Name == name {
			return status
		}
	}
	return protocol.ServiceStatus{}
}

// readLog answers pieces as "1:text", and the end.
func (h *host) readLog(query string) (pieces []string, end protocol.LogEnd) {
	h.Helper()
	code, text := h.request("GET", "/v1/service/logs?"+query, nil)
	if code != 200 {
		h.Fatalf("%d %s", code, text)
	}
	for len(text) > 0 {
		kind, length := protocol.FrameKind(text[0]), binary.BigEndian.Uint32(text[1:])
		payload := text[protocol.FrameHeaderBytes : protocol.FrameHeaderBytes+length]
		text = text[protocol.FrameHeaderBytes+length:]
		if kind == protocol.FrameEnd {
			if err := json.Unmarshal(payload, &end); err != nil || len(text) > 0 {
				h.Fatalf("the end is %s, and %d bytes follow", payload, len(text))
			}
			return pieces, end
		}
		if at := time.Unix(0, int64(binary.BigEndian.Uint64(payload))); time.Since(at).Abs() > time.Hour {
			h.Errorf("written at %v", at)
		}
		pieces = append(pieces, fmt.Sprintf("%d:%s", kind, payload[protocol.LogTimeBytes:]))
	}
	h.Fatal("a log without an end")
	return nil, end
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestServiceRefusals(t *testing.T) {
	early := startAgent(t)
	for _, request := range []string{"POST /v1/service/start", "GET /v1/service/list", "POST /v1/service/stop?name=a", "GET /v1/service/await?name=a", "GET /v1/service/watch", "GET /v1/service/logs?name=a", "POST /v1/forward?port=1"} {
		method, path, _ := strings.Cut(request, " ")
		early.refused(method, path, "", protocol.CodeNotActivated)
	}
	h := startActivated(t)
	for _, document := range []string{
		`{}`, `{"name":"a"}`, `{"name":"","command":["true"]}`, `{"name":"../a","command":["true"]}`, `{"name":".","command":["true"]}`,
		`{"name":"a\n","command":["true"]}`, `{"name":"` + strings.Repeat("a", 64) + `","command":["true"]}`, `{"name":"a","command":["true"],"restart":"always"}`,
		`{"name":"a","command":["true"],"readiness":{}}`, `{"name":"a","command":["true"],"readiness":{"file":"a","log":"b"}}`,
		`{"name":"a","command":["true"],"readiness":{"tcp":"example.org:80"}}`, `{"name":"a","command":["true"],"readiness":{"tcp":"10.0.0.1:80"}}`,
		`{"name":"a","command":["true"],"readiness":{"tcp":"localhost:0"}}`, `{"name":"a","command":["true"],"readiness":{"tcp":"localhost:65536"}}`,
		`{"name":"a","command":["true"],"readiness":{"http":"http://example.org/"}}`, `{"name":"a","command":["true"],"readiness":{"http":"file:///etc/passwd"}}`,
		`{"name":"a","command":["true"],"readiness":{"http":"http://user@localhost/"}}`, `{"name":"a","command":["true"],"readiness":{"http":"http://localhost:0/"}}`,
		`{"name":"a","command":["true"],"readiness":{"log":"two\nlines"}}`, `{"name":"a","command":["true"],"ready_timeout_ms":0}`,
		`{"name":"a","command":["true"],"ready_interval_ms":1}`, `{"name":"a","command":["true"],"stop_grace_ms":-1}`,
	} {
		h.refused("POST", "/v1/service/start", document, protocol.CodeBadRequest)
	}
	for _, request := range []string{"POST /v1/service/stop?name=a", "GET /v1/service/await?name=a", "GET /v1/service/logs?name=a"} {
		method, path, _ := strings.Cut(request, " ")
		h.refused(method, path, "", protocol.CodeNotFound)
		h.refused(method, strings.ReplaceAll(path, "=a", "=%2e%2e"), "", protocol.CodeBadRequest)
	}
	h.startService(script("a", "sleep 60"))
	h.refused("POST", "/v1/service/start", `{"name":"a","command":["true"]}`, protocol.CodeConflict)
}

func TestServiceBecomesReady(t *testing.T) {
	h := startActivated(t)
	server := `import http.server,sys
class H(http.server.BaseHTTPRequestHandler):
    n=0
    def do_GET(self):
        H.n+=1
        self.send_response(503 if H.n<3 else 302); self.end_headers()
s=http.server.HTTPServer((sys.argv[2],int(sys.argv[1])),H)
s.serve_forever()`
	ports := []int{freePort(t), freePort(t)}
	for name, wanted := range map[string]wantedService{
		"file":    {Command: []string{"sh", "-c", "sleep 0.1; echo > here; sleep 60"}, Readiness: map[string]any{"file": "here"}},
		"tcp":     {Command: []string{"python3", "-c", server, fmt.Sprint(ports[0]), "127.0.0.1"}, Readiness: map[string]any{"tcp": fmt.Sprintf("localhost:%d", ports[0])}},
		"http":    {Command: []string{"python3", "-c", server, fmt.Sprint(ports[1]), "127.0.0.1"}, Readiness: map[string]any{"http": fmt.Sprintf("http://0.0.0.0:%d/x", ports[1])}},
		"command": {Command: []string{"sh", "-c", "sleep 0.1; echo > go; sleep 60"}, Env: []string{"WANTED=go"}, Readiness: map[string]any{"command": []string{"sh", "-c", `test -e $WANTED`}}},
		"log":     {Command: []string{"sh", "-c", "printf 'now list'; sleep 0.1; printf 'ening on' >&2; printf 'ening on 80\n'; sleep 60"}, Readiness: map[string]any{"log": "listening on"}},
		"none":    {Command: []string{"sleep", "60"}},
	} {
		wanted.Name, wanted.ReadyIntervalMs = name, 20
		started := h.startService(wanted)
		status := h.awaitService(name)
		if status.State != protocol.ServiceRunning || status.ReadyAtMs < status.StartedAtMs || status.PID == 0 || status.Run != started.Run {
			t.Errorf("%s: %+v", name, status)
		}
		if stopped := h.stopService(name); stopped.State != protocol.ServiceStopped || stopped.Signal != "TERM" || stopped.PID != 0 {
			t.Errorf("%s: %+v", name, stopped)
		}
	}
}

// TestServiceEndsBeforeItIsReady: that is told at once, not when its time is over.
func TestServiceEndsBeforeItIsReady(t *testing.T) {
	h := startActivated(t)
	began := time.Now()
	wanted := script("early", "echo cannot >&2; exit 3")
	wanted.Readiness, wanted.ReadyTimeoutMs, wanted.Restart = map[string]any{"tcp": fmt.Sprintf("127.0.0.1:%d", freePort(t))}, 3600_000, "on-failure"
	h.startService(wanted)
	status := h.awaitService("early")
	if status.State != protocol.ServiceFailed || status.ExitCode == nil || *status.ExitCode != 3 || status.RestartCount != 0 {
		t.Errorf("%+v", status)
	}
	if time.Since(began) > time.Minute {
		t.Errorf("told after %v", time.Since(began))
	}
	if pieces, _ := h.readLog("name=early"); len(pieces) != 1 || pieces[0] != "2:cannot\n" {
		t.Errorf("%q", pieces)
	}
	for reason, command := range map[protocol.NotStartedReason][]string{protocol.CommandNotFound: {"no-such-program"}, protocol.PermissionDenied: {"/"}} {
		h.startService(wantedService{Name: "never", Command: command})
		if status := h.awaitService("never"); status.State != protocol.ServiceFailed || status.NotStarted != reason || status.Message == "" || status.ExitCode != nil {
			t.Errorf("%s: %+v", reason, status)
		}
	}
}

func TestServiceThatIsNotReadyInTime(t *testing.T) {
	h := startActivated(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, test := range map[string]struct {
		readiness map[string]any
		seen      string
	}{
		"refused": {map[string]any{"tcp": fmt.Sprintf("localhost:%d", freePort(t))}, "connection refused"},
		"silent":  {map[string]any{"http": fmt.Sprintf("http://%s/", silent.Addr())}, "no answer in time"},
		"file":    {map[string]any{"file": "/nowhere/at all"}, `file "/nowhere/at all" does not exist`},
		"command": {map[string]any{"command": []string{"sh", "-c", "echo not yet; exit 4"}}, `exit code 4 and said "not yet\n"`},
		"hangs":   {map[string]any{"command": []string{"sh", "-c", "echo waiting; sleep 60"}}, `takes too long and said "waiting\n"`},
		"log":     {map[string]any{"log": "listening"}, `no line with "listening"`},
	} {
		wanted := script(name, "(setsid sleep 60 &) ; echo $$ > "+name+"; sleep 60")
		wanted.Readiness, wanted.ReadyTimeoutMs = test.readiness, 300
		h.startService(wanted)
		status := h.awaitService(name)
		if status.State != protocol.ServiceFailed || !status.TimedOut || !strings.Contains(status.LastProbe, test.seen) {
			t.Errorf("%s: %+v", name, status)
		}
		if pid := h.readPID(name); isAlive(pid) {
			t.Errorf("%s lives on", name)
		}
	}
}

// TestServiceWhoseLastLookIsCutOff: what the look before it saw is told as well.
func TestServiceWhoseLastLookIsCutOff(t *testing.T) {
	h := startActivated(t)
	wanted := script("later", "sleep 60")
	wanted.Readiness = map[string]any{"command": []string{"sh", "-c", "[ -e looked ] && sleep 60; touch looked; echo not yet; exit 4"}}
	wanted.ReadyTimeoutMs = 3000
	h.startService(wanted)
	status := h.awaitService("later")
	seen := `exit code 4 and said "not yet\n"; then, until the time was over: the command takes too long`
	if status.State != protocol.ServiceFailed || !status.TimedOut || !strings.Contains(status.LastProbe, seen) {
		t.Errorf("%+v", status)
	}
}

func TestServiceIsStoppedWithAllItStarted(t *testing.T) {
	h := startActivated(t)
	wanted := script("stubborn", `trap "" TERM; (setsid sh -c 'trap "" TERM; echo $$ > gone; while :; do sleep 1; done' &) ; echo $$ > main; while :; do sleep 1; done`)
	wanted.StopGraceMs = milliseconds(100)
	h.startService(wanted)
	eventually(t, "both run", func() bool {
		_, err := os.Stat(filepath.Join(h.root, "gone"))
		_, errMain := os.Stat(filepath.Join(h.root, "main"))
		return err == nil && errMain == nil
	})
	pids := []int{h.readPID("gone"), h.readPID("main")}
	if status := h.stopService("stubborn"); status.State != protocol.ServiceStopped || status.Signal != "KILL" {
		t.Errorf("%+v", status)
	}
	for _, pid := range pids {
		if isAlive(pid) {
			t.Errorf("%d lives on", pid)
		}
	}
	if again := h.stopService("stubborn"); again.State != protocol.ServiceStopped {
		t.Errorf("%+v", again)
	}
	polite := script("polite", `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`)
	polite.Readiness = map[string]any{"log": "up"}
	h.startService(polite)
	h.awaitService("polite")
	if status := h.stopService("polite"); status.ExitCode == nil || *status.ExitCode != 0 || status.State != protocol.ServiceStopped {
		t.Errorf("%+v", status)
	}
	// The shell may say of its own child that it was terminated, on the other output.
	if pieces, _ := h.readLog("name=polite"); !slices.Contains(pieces, "1:up\n") || !slices.Contains(pieces, "1:bye\n") {
		t.Errorf("%q", pieces)
	}
}

func TestServiceIsStartedAgain(t *testing.T) {
	h := startActivated(t)
	wanted := script("flaky", `n=$(cat runs 2>/dev/null || echo 0); echo $((n+1)) > runs; echo run $n; [ $n -lt 2 ] && exit 7; [ $n -eq 2 ] && kill -KILL $$; sleep 60`)
	wanted.Restart = "on-failure"
	h.startService(wanted)
	eventually(t, "it runs the fourth time", func() bool {
		status := h.service("flaky")
		pieces, _ := h.readLog("name=flaky")
		isUp := status.RestartCount == 3 && status.State == protocol.ServiceRunning && status.PID != 0
		return isUp && strings.Join(pieces, "") == "1:run 0\n1:run 1\n1:run 2\n1:run 3\n"
	})
	h.stopService("flaky")
	done := script("done", "exit 0")
	done.Restart = "on-failure"
	h.startService(done)
	eventually(t, "it is over", func() bool { return h.service("done").State == protocol.ServiceExited })
	// One that waits to be started again can be stopped.
	failing := script("failing", "exit 1")
	failing.Restart = "on-failure"
	h.startService(failing)
	eventually(t, "it waits", func() bool { return h.service("failing").State == protocol.ServiceRestarting })
	if status := h.stopService("failing"); status.State != protocol.ServiceStopped || status.ExitCode == nil || *status.ExitCode != 1 {
		t.Errorf("%+v", status)
	}
}

func TestServiceOutlivesItsClient(t *testing.T) {
	h := startActivated(t)
	wanted := script("slow", "until [ -e go ]; do sleep 0.02; done; echo up; sleep 60")
	wanted.Readiness = map[string]any{"log": "up"}
	h.startService(wanted)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "GET", "http://agent/v1/service/await?name=slow", nil)
	if _, err := h.http.Do(request); err == nil {
		t.Error("ready too early")
	}
	if status := h.service("slow"); status.State != protocol.ServiceStarting {
		t.Errorf("%+v", status)
	}
	h.release()
	if status := h.awaitService("slow"); status.State != protocol.ServiceRunning {
		t.Errorf("%+v", status)
	}
}

func TestServicesAreWatched(t *testing.T) {
	h := startActivated(t)
	h.startService(script("first", "sleep 60"))
	response, err := h.http.Get("http://agent/v1/service/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	seen := map[string]protocol.ServiceState{}
	next := func() protocol.ServiceList {
		if !lines.Scan() {
			t.Fatal("the watch ended")
		}
		var list protocol.ServiceList
		if err := json.Unmarshal(lines.Bytes(), &list); err != nil {
			t.Fatalf("%s", lines.Bytes())
		}
		for _, status := range list.Services {
			seen[status.Name] = status.State
		}
		return list
	}
	if list := next(); len(list.Services) != 1 || list.Services[0].Name != "first" {
		t.Errorf("%+v", list)
	}
	h.startService(script("second", "exit 9"))
	for seen["second"] != protocol.ServiceFailed {
		next()
	}
	h.stopService("first")
	for seen["first"] != protocol.ServiceStopped {
		next()
	}
}

func TestThereAreOnlySoManyServices(t *testing.T) {
	h := startActivated(t)
	for number := range 64 {
		h.startService(script(fmt.Sprintf("s%d", number), "exec sleep 60"))
	}
	h.refused("POST", "/v1/service/start", `{"name":"another","command":["true"]}`, protocol.CodeLimitExceeded)
	h.stopService("s7")
	h.startService(script("another", "exec sleep 60"))
	if status := h.service("s7"); status.Name != "" {
		t.Errorf("%+v", status)
	}
	h.refused("GET", "/v1/service/logs?name=s7", "", protocol.CodeNotFound)
}

func TestServiceLogIsReadInParts(t *testing.T) {
	h := startActivated(t)
	h.startService(script("counter", `for i in 1 2 3 4 5 6 7 8 9; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done`))
	eventually(t, "it is over", func() bool { return h.service("counter").State == protocol.ServiceExited })
	all, end := h.readLog("name=counter")
	if len(all) != 18 || all[0] != "1:out 1\n" || all[17] != "2:err 9\n" || end.FirstCursor != 0 || end.NextCursor == 0 {
		t.Errorf("%q %+v", all, end)
	}
	if rest, again := h.readLog(fmt.Sprintf("name=counter&cursor=%d", end.NextCursor)); len(rest) != 0 || again.NextCursor != end.NextCursor {
		t.Errorf("%q %+v", rest, again)
	}
	if far, again := h.readLog("name=counter&cursor=999999999"); len(far) != 0 || again.NextCursor != end.NextCursor {
		t.Errorf("%q %+v", far, again)
	}
	// Two more than were asked for: the first of each output may be cut.
	if last, _ := h.readLog("name=counter&tail_lines=3"); len(last) != 5 || last[4] != "2:err 9\n" {
		t.Errorf("%q", last)
	}
	if none, _ := h.readLog(fmt.Sprintf("name=counter&since_ns=%d", time.Now().Add(time.Minute).UnixNano())); len(none) != 0 {
		t.Errorf("%q", none)
	}
	h.startService(script("counter", "echo anew"))
	eventually(t, "it is over", func() bool { return h.service("counter").State == protocol.ServiceExited })
	kept := script("counter", "echo more")
	kept.KeepLog = true
	h.startService(kept)
	eventually(t, "it is over", func() bool { return h.service("counter").State == protocol.ServiceExited })
	if both, _ := h.readLog("name=counter"); strings.Join(both, "") != "1:anew\n1:more\n" {
		t.Errorf("%q", both)
	}
}

func TestServiceLogIsFollowed(t *testing.T) {
	h := startActivated(t)
	h.startService(script("teller", "echo before; until [ -e go ]; do sleep 0.02; done; echo after; echo last >&2"))
	response, err := h.http.Get("http://agent/v1/service/logs?follow=1&name=teller")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, protocol.FrameHeaderBytes+protocol.LogTimeBytes+len("before\n"))
	if _, err := io.ReadFull(response.Body, first); err != nil || !strings.HasSuffix(string(first), "before\n") {
		t.Fatalf("%q, %v", first, err)
	}
	h.release()
	rest, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(rest), "after\n") || !strings.Contains(string(rest), "last\n") || !strings.Contains(string(rest), "next_cursor") {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestServiceThatFloods: neither the disk nor the agent's memory grows without bound, and the agent answers meanwhile.
func TestServiceThatFloods(t *testing.T) {
	h := startActivated(t)
	before := h.residentBytes()
	h.startService(script("flood", "head -c 300000000 /dev/zero; echo; echo the end; sleep 60"))
	var slowest time.Duration
	for {
		asked := time.Now()
		h.service("flood")
		slowest = max(slowest, time.Since(asked))
		if last, _ := h.readLog("name=flood&tail_lines=1"); len(last) > 0 && strings.HasSuffix(last[len(last)-1], "the end\n") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if grown := h.residentBytes() - before; grown > 24<<20 {
		t.Errorf("the agent grew by %d bytes", grown)
	}
	if slowest > 5*time.Second {
		t.Errorf("an answer took %v", slowest)
	}
	var used int64
	logs, _ := filepath.Glob(filepath.Join(filepath.Dir(h.root), ".services-*", "flood", "*"))
	for _, name := range logs {
		if status, err := os.Stat(name); err == nil {
			used += status.Size()
		}
	}
	if used == 0 || used > 16<<20 {
		t.Errorf("%d files have %d bytes", len(logs), used)
	}
	_, end := h.readLog("name=flood&tail_lines=0")
	if end.FirstCursor == 0 || end.NextCursor < 300_000_000 {
		t.Errorf("%+v", end)
	}
}

func TestServicesLeaveNothingBehind(t *testing.T) {
	h := startActivated(t)
	run := func() {
		wanted := script("short", "echo hello; sleep 60")
		wanted.Readiness = map[string]any{"log": "hello"}
		h.startService(wanted)
		h.awaitService("short")
		h.stopService("short")
	}
	run()
	before := h.descriptorCount()
	for range 20 {
		run()
	}
	if now := h.descriptorCount(); now > before+2 {
		t.Errorf("%d descriptors, before %d", now, before)
	}
}

func TestServicesEndWithTheMachine(t *testing.T) {
	h := startActivated(t)
	wanted := script("main", `trap 'echo bye > ended; exit 0' TERM; echo $$ > pid; while :; do sleep 0.02; done`)
	wanted.Restart = "on-failure"
	h.startService(wanted)
	eventually(t, "it runs", func() bool {
		_, err := os.Stat(filepath.Join(h.root, "pid"))
		return err == nil
	})
	if status, text := h.request("POST", "/v1/power-off", nil); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if _, err := os.Stat(filepath.Join(h.root, "ended")); err != nil {
		t.Error("it had no time to end by itself")
	}
}

// release lets a script go on that waits for it.
func (h *host) release() {
	h.Helper()
	if err := os.WriteFile(filepath.Join(h.root, "go"), nil, 0o644); err != nil {
		h.Fatal(err)
	}
}
