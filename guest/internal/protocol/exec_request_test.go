package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func framed(document string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(document))), document...)
}

func TestReadExecRequestLeavesStandardInput(t *testing.T) {
	body := bytes.NewReader(append(framed(`{"command":["cat",{"base64":"/wA="}]}`), "input"...))
	// The second argument has a NUL byte, which no argument can.
	if _, err := ReadExecRequest(body); err == nil {
		t.Fatal("a NUL byte was taken")
	}
	body = bytes.NewReader(append(framed(`{"command":["cat",{"base64":"//4="}],"env":["A=b=c"],"timeout_ms":5}`), "input"...))
	request, err := ReadExecRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	if request.Command[1] != "\xff\xfe" || request.Env[0] != "A=b=c" || request.Timeout() != 5*time.Millisecond {
		t.Errorf("got %+v", request)
	}
	if request.KillGrace() != killGraceDefault {
		t.Errorf("grace %v", request.KillGrace())
	}
	rest, _ := io.ReadAll(body)
	if string(rest) != "input" {
		t.Errorf("rest %q", rest)
	}
}

func TestReadExecRequestRefuses(t *testing.T) {
	many := `"a"` + strings.Repeat(`,"a"`, commandEntriesMax)
	for document, code := range map[string]Code{
		`{}`:                                                             CodeBadRequest,
		`{"command":[]}`:                                                 CodeBadRequest,
		`{"command":[""]}`:                                               CodeBadRequest,
		`{"command":["a\u0000"]}`:                                        CodeBadRequest,
		`{"command":[null]}`:                                             CodeBadRequest,
		`{"command":[{"base64":"*"}]}`:                                   CodeBadRequest,
		`{"command":[{"base64":"YQ"}]}`:                                  CodeBadRequest,
		`{"command":"ls"}`:                                               CodeBadRequest,
		`{"command":["a"],"env":["A"]}`:                                  CodeBadRequest,
		`{"command":["a"],"env":["=b"]}`:                                 CodeBadRequest,
		`{"command":["a"],"user":"a\nb"}`:                                CodeBadRequest,
		`{"command":["a"],"timeout_ms":-1}`:                              CodeBadRequest,
		`{"command":["a"],"timeout_ms":1e300}`:                           CodeBadRequest,
		`{"command":["a"],"timeout_ms":9223372036854775807}`:             CodeBadRequest,
		`{"command":["a"],"kill_grace_ms":-5}`:                           CodeBadRequest,
		`{"command":["a"],"cwd":"` + strings.Repeat("x", 4096) + `"}`:    CodeBadRequest,
		`{"command":["a"],"user":"` + strings.Repeat("x", 300) + `"}`:    CodeBadRequest,
		`{"command":[` + many + `]}`:                                     CodeLimitExceeded,
		`{"command":["` + strings.Repeat("x", commandBytesMax+1) + `"]}`: CodeLimitExceeded,
	} {
		_, err := ReadExecRequest(bytes.NewReader(framed(document)))
		if err == nil || AsFailure(err).Code != code {
			t.Errorf("%.60s: %v", document, err)
		}
	}
}

func TestReadExecRequestTrustsNoLength(t *testing.T) {
	for name, body := range map[string][]byte{
		"no length":      {0, 0},
		"less than said": {0, 0, 1, 0, '{', '}'},
		"negative":       {0xff, 0xff, 0xff, 0xff},
		"over the limit": binary.BigEndian.AppendUint32(nil, execDocumentBytesMax+1),
	} {
		if _, err := ReadExecRequest(bytes.NewReader(body)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzReadExecRequest(f *testing.F) {
	f.Add(framed(`{"command":["git","--version"],"env":["A=b"],"cwd":"/","user":"1:2","timeout_ms":1}`))
	f.Add(framed(`{"command":[{"base64":"//4="}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := ReadExecRequest(bytes.NewReader(body))
		if err != nil {
			AsFailure(err)
			return
		}
		if len(request.Command) == 0 || request.Command[0] == "" {
			t.Error("a command without a program")
		}
		for _, entry := range append(request.Command, request.Env...) {
			if strings.ContainsRune(string(entry), 0) {
				t.Error("a NUL byte")
			}
		}
		if request.Timeout() < 0 || request.KillGrace() < 0 {
			t.Error("a negative time")
		}
	})
}

func activation(overrides string) string {
	return fmt.Sprintf(`{"entropy":"%s","unix_time_ns":"1766000000000000000","hostname":"pyro-1","machine_id":"%s"%s}`,
		strings.Repeat("QUJD", 16), strings.Repeat("0f", 16), overrides)
}

func TestActivateRequestFillsIn(t *testing.T) {
	request := &ActivateRequest{}
	if err := Decode([]byte(activation("")), request); err != nil {
		t.Fatal(err)
	}
	if err := request.Normalize(); err != nil {
		t.Fatal(err)
	}
	if request.Workspace != "/workspace" || request.DefaultCwd != "/workspace" || request.ProcessCountMax != 4096 || *request.MemoryReservedMib != 64 {
		t.Errorf("got %+v", request)
	}
	if len(request.EntropyBytes()) != 48 || request.UnixTime() != 1766000000000000000 {
		t.Errorf("got %d bytes, %d", len(request.EntropyBytes()), request.UnixTime())
	}
	request.ForgetEntropy()
	if request.Entropy != "" || request.EntropyBytes() != nil {
		t.Error("the entropy is still there")
	}
}

func TestActivateRequestRefuses(t *testing.T) {
	for _, overrides := range []string{
		`,"entropy":"QUJD"`, `,"entropy":"***"`, `,"unix_time_ns":"-5"`, `,"unix_time_ns":"soon"`,
		`,"hostname":""`, `,"hostname":"-a"`, `,"hostname":"a b"`, `,"hostname":"` + strings.Repeat("a", 65) + `"`,
		`,"machine_id":"x"`, `,"machine_id":"` + strings.Repeat("0F", 16) + `"`,
		`,"process_count_max":1`, `,"process_count_max":-1`, `,"memory_reserved_mib":-1`,
		`,"workspace":"/"`, `,"workspace":"rel"`, `,"workspace":"/a/../b"`, `,"workspace":"/.."`,
		`,"default_cwd":"rel"`, `,"default_env":["x"]`, `,"default_user":"a\nb"`,
	} {
		request := &ActivateRequest{}
		err := Decode([]byte(activation(overrides)), request)
		if err == nil {
			err = request.Normalize()
		}
		if err == nil || AsFailure(err).Code != CodeBadRequest {
			t.Errorf("%s: %v", overrides, err)
		}
	}
}

func TestWarmCommands(t *testing.T) {
	if err := CheckWarmCommands([][]string{{"git", "--version"}}); err != nil {
		t.Error(err)
	}
	for _, commands := range [][][]string{{{}}, {{""}}, {{"a\x00"}}, make([][]string, warmCommandsMax+1)} {
		if CheckWarmCommands(commands) == nil {
			t.Errorf("%d commands were taken", len(commands))
		}
	}
}

func TestFrames(t *testing.T) {
	code := 0
	frame := JSONFrame(FrameEnd, End{ExitCode: &code})
	if frame[0] != 3 || int(binary.BigEndian.Uint32(frame[1:5])) != len(frame)-5 {
		t.Errorf("header %v", frame[:5])
	}
	if got := string(frame[5:]); got != `{"exit_code":0,"duration_ms":0}` {
		t.Errorf("payload %s", got)
	}
	never := JSONFrame(FrameEnd, End{NotStarted: CommandNotFound, Message: "x"})
	if got := string(never[5:]); got != `{"duration_ms":0,"not_started":"command_not_found","message":"x"}` {
		t.Errorf("payload %s", got)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code, status := range statusByCode {
		if got := Fail(code, "x").Status(); got != status || got < 400 {
			t.Errorf("%s: %d", code, got)
		}
	}
	if AsFailure(io.EOF).Code != CodeInternal {
		t.Error("an unforeseen error is not internal")
	}
}
