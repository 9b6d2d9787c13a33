package agent

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

// session is one shell as its host sees it.
type session struct {
	*host
	id string
}

// openShell fails unless the program starts; more is further fields of the request.
func (h *host) openShell(id, more string) *session {
	h.Helper()
	status, text := h.request("POST", "/v1/shell/open", strings.NewReader(fmt.Sprintf(`{"id":%q,"cols":80,"rows":24%s}`, id, more)))
	var opened protocol.Shell
	if err := json.Unmarshal(text, &opened); err != nil || status != 200 || opened.ID != id || opened.PID <= 0 {
		h.Fatalf("open %s: %d %s", id, status, text)
	}
	return &session{host: h, id: id}
}

// script opens a shell that runs a script of sh.
func (h *host) script(id, text string) *session {
	h.Helper()
	quoted, _ := json.Marshal(text)
	return h.openShell(id, `,"command":["sh","-c",`+string(quoted)+`]`)
}

func (s *session) status() protocol.Shell {
	s.Helper()
	status, text := s.request("GET", "/v1/shell/status?shell="+s.id, nil)
	var described protocol.Shell
	if err := json.Unmarshal(text, &described); err != nil || status != 200 {
		s.Fatalf("%d %s", status, text)
	}
	return described
}

func (s *session) typed(text string) int64 {
	s.Helper()
	status, answer := s.request("POST", "/v1/shell/input?shell="+s.id, strings.NewReader(text))
	var taken protocol.InputTaken
	if err := json.Unmarshal(answer, &taken); err != nil || status != 200 {
		s.Fatalf("%d %s", status, answer)
	}
	return taken.Bytes
}

func (s *session) post(path string) {
	s.Helper()
	if status, answer := s.request("POST", path, nil); status != 200 {
		s.Errorf("%s: %d %s", path, status, answer)
	}
}

// transcript is a whole answer of shell/output.
type transcript struct {
	text      strings.Builder
	positions []protocol.Position
	sizes     []protocol.TerminalSize
	end       *protocol.End
	pause     *protocol.Pause
}

func (s *session) read(query string) *transcript {
	s.Helper()
	body := s.follow(context.Background(), query)
	defer body.Close()
	read := &transcript{}
	if err := read.takeUntil(body, func() bool { return false }); err != nil {
		s.Fatal(err)
	}
	return read
}

func (s *session) follow(ctx context.Context, query string) io.ReadCloser {
	s.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", "http://agent/v1/shell/output?shell="+s.id+query, nil)
	if err != nil {
		s.Fatal(err)
	}
	response, err := s.http.Do(request)
	if err != nil || response.StatusCode != 200 {
		s.Fatalf("%v %v", response, err)
	}
	return response.Body
}

// takeUntil reads frames up to the last one, or until there is enough.
func (t *transcript) takeUntil(body io.Reader, isEnough func() bool) error {
	header := make([]byte, protocol.FrameHeaderBytes)
	for !isEnough() {
		if _, err := io.ReadFull(body, header); err != nil {
			return fmt.Errorf("no last frame: %w", err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(header[1:]))
		if _, err := io.ReadFull(body, payload); err != nil {
			return err
		}
		if err := t.take(protocol.FrameKind(header[0]), payload); err != nil {
			return err
		}
		if t.end != nil || t.pause != nil {
			rest, err := io.ReadAll(body)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("after the end: %q, %v", rest, err)
			}
			return nil
		}
	}
	return nil
}

func (t *transcript) take(kind protocol.FrameKind, payload []byte) error {
	switch kind {
	case protocol.FrameOutput:
		t.text.Write(payload)
		return nil
	case protocol.FramePosition:
		t.positions = append(t.positions, protocol.Position{})
		return json.Unmarshal(payload, &t.positions[len(t.positions)-1])
	case protocol.FrameSize:
		t.sizes = append(t.sizes, protocol.TerminalSize{})
		return json.Unmarshal(payload, &t.sizes[len(t.sizes)-1])
	case protocol.FrameEnd:
		return json.Unmarshal(payload, &t.end)
	case protocol.FramePause:
		return json.Unmarshal(payload, &t.pause)
	default:
		return fmt.Errorf("a frame of kind %d", kind)
	}
}

// sees waits until the shell has shown a text.
func (s *session) sees(text string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	body := s.follow(ctx, "&follow=1")
	defer body.Close()
	read := &transcript{}
	err := read.takeUntil(body, func() bool { return strings.Contains(read.text.String(), text) })
	if !strings.Contains(read.text.String(), text) {
		s.Fatalf("%q was not shown: %q, %v", text, read.text.String(), err)
	}
}

func TestShellIsATerminal(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `tty; stty size; test -t 0 -a -t 1 -a -t 2 && echo terminal; echo $TERM $FROM_DEFAULT; ps -o tty=,tpgid= -p $$ | xargs; echo $$ >/dev/tty; pwd; read line; echo "got $line"; exit 3`)
	s.sees(h.root)
	if taken := s.typed("hällo\x7f!\n"); taken != 9 {
		t.Errorf("%d bytes were taken", taken)
	}
	read := s.read("&follow=1")
	text := read.text.String()
	for _, part := range []string{"/dev/pts/", "24 80\r\n", "terminal\r\n", "xterm-256color 1\r\n", "got häll!\r\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
	if read.end == nil || read.end.ExitCode == nil || *read.end.ExitCode != 3 {
		t.Errorf("%+v", read.end)
	}
	if len(read.positions) != 1 || read.positions[0] != (protocol.Position{}) || len(read.sizes) != 1 || read.sizes[0] != (protocol.TerminalSize{Columns: 80, Rows: 24}) {
		t.Errorf("%+v %+v", read.positions, read.sizes)
	}
	if again := s.read(""); again.text.String() != text || again.end == nil {
		t.Errorf("read again: %q %+v", again.text.String(), again.end)
	}
}

func TestShellIsInteractive(t *testing.T) {
	h := startActivated(t)
	s := h.openShell("one", `,"command":["bash","--norc"],"env":["PS1=ready> ","HISTFILE="]`)
	s.sees("ready> ")
	s.typed("sh -c 'echo $((6*7)); exec sleep 1000'\n")
	s.sees("42\r\n")
	s.typed("\x03")
	s.typed("echo next one\n")
	s.sees("\rnext one\r\n")
	s.typed("sleep 1000; echo code $?\n")
	s.sees("sleep 1000; echo")
	eventually(t, "the sleep is in the foreground", func() bool {
		s.post("/v1/shell/signal?shell=one&signal=TERM")
		read := s.read("")
		return strings.Contains(read.text.String(), "code 143")
	})
	s.typed("exit 5\n")
	if end := s.read("&follow=1").end; end == nil || end.ExitCode == nil || *end.ExitCode != 5 {
		t.Errorf("%+v", end)
	}
	h.refused("POST", "/v1/shell/input?shell=one", "x", protocol.CodeConflict)
	h.refused("POST", "/v1/shell/signal?shell=one&signal=INT", "", protocol.CodeConflict)
	h.refused("POST", "/v1/shell/resize?shell=one&cols=80&rows=24", "", protocol.CodeConflict)
}

func TestShellOutlivesItsClients(t *testing.T) {
	process, socket, root := startListening(t)
	first := adopt(t, process, socket, root)
	if status, text := first.request("POST", "/v1/activate", strings.NewReader(activation)); status != 200 {
		t.Fatalf("activate: %d %s", status, text)
	}
	first.openShell("one", "").typed("mine=yes\n")
	first.socket.Close()
	second := adopt(t, process, socket, root)
	s := &session{host: second, id: "one"}
	s.typed("echo is $mine\n")
	s.sees("is yes\r\n")
}

func TestShellRefusals(t *testing.T) {
	before := startAgent(t)
	before.refused("POST", "/v1/shell/open", `{"id":"a","cols":80,"rows":24}`, protocol.CodeNotActivated)
	before.refused("GET", "/v1/shell/list", "", protocol.CodeNotActivated)
	h := startActivated(t)
	for document, code := range map[string]protocol.Code{
		`{"cols":80,"rows":24}`:                                      protocol.CodeBadRequest,
		`{"id":"A b","cols":80,"rows":24}`:                           protocol.CodeBadRequest,
		`{"id":"a","rows":24}`:                                       protocol.CodeBadRequest,
		`{"id":"a","cols":1,"rows":24}`:                              protocol.CodeBadRequest,
		`{"id":"a","cols":1001,"rows":24}`:                           protocol.CodeBadRequest,
		`{"id":"a","cols":80,"rows":0}`:                              protocol.CodeBadRequest,
		`{"id":"a","cols":80,"rows":501}`:                            protocol.CodeBadRequest,
		`{"id":"a","cols":80,"rows":24,"command":[""]}`:              protocol.CodeBadRequest,
		`{"id":"a","cols":80,"rows":24,"env":["A"]}`:                 protocol.CodeBadRequest,
		`{"id":"a","cols":80,"rows":24,"command":["sh","a\u0000b"]}`: protocol.CodeBadRequest,
		`nonsense`: protocol.CodeBadRequest,
	} {
		h.refused("POST", "/v1/shell/open", document, code)
	}
	h.script("one", "sleep 1000")
	h.refused("POST", "/v1/shell/open", `{"id":"one","cols":80,"rows":24}`, protocol.CodeConflict)
	for _, request := range []string{"GET status?shell=two", "GET output?shell=two", "POST input?shell=two", "POST close?shell=two", "POST signal?shell=two&signal=INT", "POST resize?shell=two&cols=80&rows=24"} {
		method, path, _ := strings.Cut(request, " ")
		h.refused(method, "/v1/shell/"+path, "", protocol.CodeNotFound)
	}
	for _, request := range []string{"GET status", "GET status?shell=%1b", "GET output?shell=one&from=-1", "GET output?shell=one&max=0", "GET output?shell=one&follow=2", "POST signal?shell=one&signal=SIGINT", "POST signal?shell=one", "POST resize?shell=one&cols=0&rows=24", "POST resize?shell=one&cols=80"} {
		method, path, _ := strings.Cut(request, " ")
		h.refused(method, "/v1/shell/"+path, "", protocol.CodeBadRequest)
	}
	status, text := h.request("POST", "/v1/shell/open", strings.NewReader(`{"id":"none","cols":80,"rows":24,"command":["no-such-program"]}`))
	var refusal protocol.ShellNotOpened
	if err := json.Unmarshal(text, &refusal); err != nil || status != 200 || refusal.NotStarted != protocol.CommandNotFound {
		t.Errorf("%d %s", status, text)
	}
	h.refused("GET", "/v1/shell/status?shell=none", "", protocol.CodeNotFound)
}

// TestShellHistory: what a shell wrote beyond what is kept, readers are told of.
func TestShellHistory(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `stty -opost; head -c 3000000 /dev/zero | tr '\0' x; echo; stty size; read line; stty size; read line`)
	s.sees("24 80\n")
	s.post("/v1/shell/resize?shell=one&cols=100&rows=30")
	s.typed("\n")
	s.sees("30 100\n")
	described := s.status()
	read := s.read("")
	if described.FirstPosition == 0 || described.NextPosition < 3000000 || described.Columns != 100 || described.Rows != 30 {
		t.Errorf("%+v", described)
	}
	kept := described.NextPosition - described.FirstPosition
	if kept < 900<<10 || kept > 1<<20 || int64(read.text.Len()) != kept {
		t.Errorf("%d bytes are kept, %d were read", kept, read.text.Len())
	}
	if read.positions[0].LostBytes != described.FirstPosition || read.positions[0].Position != described.FirstPosition || read.pause == nil || read.pause.NextPosition != described.NextPosition {
		t.Errorf("%+v %+v", read.positions, read.pause)
	}
	if len(read.sizes) != 2 || read.sizes[1].Columns != 100 {
		t.Errorf("sizes %+v", read.sizes)
	}
	part := s.read(fmt.Sprintf("&from=%d&max=5", described.NextPosition-20))
	if part.text.Len() != 5 || part.pause.NextPosition != described.NextPosition-15 {
		t.Errorf("%q %+v", part.text.String(), part.pause)
	}
	beyond := s.read("&from=99999999999")
	if beyond.positions[0].Position != described.NextPosition || beyond.text.Len() != 0 || beyond.positions[0].LostBytes != 0 {
		t.Errorf("%+v %q", beyond.positions, beyond.text.String())
	}
}

// TestShellAnswersQuestions: once, and only programs that read single keys.
func TestShellAnswersQuestions(t *testing.T) {
	h := startActivated(t)
	asking := h.script("raw", `stty raw -echo; printf 'ab\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c; printf '\033[c\033]11;?\033\\'; dd bs=1 count=32 2>/dev/null | od -An -c; stty sane; echo sane; read line`)
	asking.sees("033   [   1   ;   3   R")
	asking.sees("sane")
	asking.typed("\n")
	if end := asking.read("&follow=1").end; end.ExitCode == nil || *end.ExitCode != 0 {
		t.Errorf("%+v", end)
	}
	careless := h.script("cooked", `printf '\033[6n\033[c'; sleep 0.3; echo asked; read line; echo "line <$line>"`)
	careless.sees("asked")
	careless.typed("mine\n")
	if text := careless.read("&follow=1").text.String(); !strings.Contains(text, "line <mine>") || strings.Contains(text, "^[") {
		t.Errorf("%q", text)
	}
}

func TestShellTellsModes(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `printf '\033[?1h\033[?2004hset'; read line; printf '\033[?1l\033[?2004lunset'; read line`)
	s.sees("set")
	if described := s.status(); !described.ApplicationCursor || !described.BracketedPaste {
		t.Errorf("%+v", described)
	}
	s.typed("\n")
	s.sees("unset")
	if described := s.status(); described.ApplicationCursor || described.BracketedPaste {
		t.Errorf("%+v", described)
	}
}

// TestShellInputThatNobodyReads is told by the count, and holds nothing up.
func TestShellInputThatNobodyReads(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `stty raw -echo; echo deaf; exec sleep 1000`)
	s.sees("deaf")
	if taken := s.typed(strings.Repeat("x", 1<<20)); taken == 0 || taken >= 1<<20 {
		t.Errorf("%d bytes were taken", taken)
	}
	s.post("/v1/shell/signal?shell=one&signal=KILL")
	if end := s.read("&follow=1").end; end.Signal != "KILL" {
		t.Errorf("%+v", end)
	}
}

// TestShellInputComesAsItIsTyped: a request whose body stays open types at once.
func TestShellInputComesAsItIsTyped(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `while read line; do echo "<$line>"; done`)
	typing, keys := io.Pipe()
	answered := make(chan int, 1)
	go func() {
		request, _ := http.NewRequest("POST", "http://agent/v1/shell/input?shell=one", typing)
		response, err := h.http.Do(request)
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	for n := range 3 {
		fmt.Fprintf(keys, "line %d\n", n)
		s.sees(fmt.Sprintf("<line %d>", n))
	}
	keys.Close()
	if status := <-answered; status != 200 {
		t.Errorf("%d", status)
	}
}

func TestShellCloseEndsEverything(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `trap '' HUP TERM; (trap '' HUP TERM; setsid sleep 1000 & echo $! > child; wait) & echo $$ > leader; echo up; while :; do sleep 1; done`)
	s.sees("up")
	eventually(t, "the child runs", func() bool { text, _ := os.ReadFile(filepath.Join(h.root, "child")); return len(text) > 0 })
	leader, child := h.readPID("leader"), h.readPID("child")
	status, text := h.request("POST", "/v1/shell/close?shell=one", nil)
	var closed protocol.Shell
	if err := json.Unmarshal(text, &closed); err != nil || status != 200 || closed.End == nil || closed.End.Signal != "KILL" {
		t.Errorf("%d %s", status, text)
	}
	for _, pid := range []int{leader, child} {
		if isAlive(pid) {
			t.Errorf("%d is alive", pid)
		}
	}
	h.refused("POST", "/v1/shell/close?shell=one", "", protocol.CodeNotFound)
}

// TestShellLeavesWhatWasMeantToStay: a program that ends by itself takes nothing along.
func TestShellLeavesWhatWasMeantToStay(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `nohup sleep 1000 >/dev/null 2>&1 & echo $! > left; sleep 0.5; exit 0`)
	if end := s.read("&follow=1").end; end.ExitCode == nil {
		t.Errorf("%+v", end)
	}
	pid := h.readPID("left")
	if described := s.status(); !isAlive(pid) || described.End.BackgroundProcessCount != 1 {
		t.Errorf("%d, %+v", pid, described.End)
	}
	s.post("/v1/shell/close?shell=one")
	if isAlive(pid) {
		t.Errorf("%d is alive", pid)
	}
}

// TestShellKeepsTheLastWords of a program that writes much and ends at once.
func TestShellKeepsTheLastWords(t *testing.T) {
	h := startActivated(t)
	for n := range 20 {
		s := h.openShell(fmt.Sprint("s", n), `,"command":["seq","1","10000"]`)
		read := s.read("&follow=1")
		if text := read.text.String(); len(text) != 58894 || !strings.HasSuffix(text, "\r\n10000\r\n") {
			t.Fatalf("%d bytes", len(text))
		}
		s.post("/v1/shell/close?shell=" + s.id)
	}
}

func TestShellsAreBounded(t *testing.T) {
	h := startActivated(t)
	for n := range 64 {
		h.openShell(fmt.Sprint("s", n), `,"command":["sleep","1000"]`)
	}
	h.refused("POST", "/v1/shell/open", `{"id":"more","cols":80,"rows":24}`, protocol.CodeLimitExceeded)
	h.post("/v1/shell/signal?shell=s7&signal=KILL")
	(&session{h, "s7"}).read("&follow=1")
	h.openShell("more", `,"command":["sleep","1000"]`)
	h.refused("GET", "/v1/shell/status?shell=s7", "", protocol.CodeNotFound)
	status, text := h.request("GET", "/v1/shell/list", nil)
	var list struct{ Shells []protocol.Shell }
	if err := json.Unmarshal(text, &list); err != nil || status != 200 || len(list.Shells) != 64 || list.Shells[0].ID != "s0" || list.Shells[63].ID != "more" {
		t.Errorf("%d, %d shells", status, len(list.Shells))
	}
}

func (h *host) post(path string) {
	h.Helper()
	if status, answer := h.request("POST", path, nil); status != 200 {
		h.Errorf("%s: %d %s", path, status, answer)
	}
}

// TestShellsLeakNothing opens and closes many.
func TestShellsLeakNothing(t *testing.T) {
	h := startActivated(t)
	h.script("first", "exit 0").post("/v1/shell/close?shell=first")
	descriptors := h.descriptorCount()
	for n := range 60 {
		id := fmt.Sprint("s", n)
		s := h.script(id, []string{"exit 0", "cat", "echo hello; read x"}[n%3])
		if n%3 == 1 {
			s.typed("hello\n")
		}
		s.post("/v1/shell/close?shell=" + id)
	}
	eventually(t, "descriptors are closed", func() bool { return h.descriptorCount() <= descriptors+2 })
	if _, text := h.request("GET", "/v1/shell/list", nil); string(text) != `{"shells":[]}` {
		t.Errorf("%s", text)
	}
}

// TestShellReaderThatIsSlow is overtaken and told so, and holds nobody up.
func TestShellReaderThatIsSlow(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `stty -opost; echo go; read line; head -c 30000000 /dev/zero | tr '\0' x; echo; echo done; read line`)
	s.sees("go")
	body := s.follow(context.Background(), "&follow=1")
	defer body.Close()
	s.typed("\n")
	eventually(t, "the program has written all", func() bool { return s.status().NextPosition > 30000000 })
	read := &transcript{}
	err := read.takeUntil(body, func() bool { return strings.HasSuffix(read.text.String(), "\ndone\n") })
	if err != nil {
		t.Fatal(err)
	}
	var lost int64
	for _, each := range read.positions {
		lost += each.LostBytes
	}
	if lost == 0 || lost+int64(read.text.Len()) != s.status().NextPosition {
		t.Errorf("%d lost, %d read, %d written", lost, read.text.Len(), s.status().NextPosition)
	}
}

// TestShellsEndWithTheAgent: interactive shells take no TERM, but are hung up.
func TestShellsEndWithTheAgent(t *testing.T) {
	h := startActivated(t)
	s := h.script("one", `trap '' TERM; trap 'echo > hung-up; exit' HUP; echo up; while :; do sleep 0.05; done`)
	s.sees("up")
	pid := s.status().PID
	if status, text := h.request("POST", "/v1/power-off", nil); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if err := h.process.Wait(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.root, "hung-up")); err != nil || isAlive(pid) {
		t.Errorf("%d: %v", pid, err)
	}
}
