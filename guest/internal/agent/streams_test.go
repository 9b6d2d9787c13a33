package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStandardInput(t *testing.T) {
	h := startActivated(t)
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content)
	sum := sha256.Sum256(content)
	result := h.exec(command{Command: []string{"sha256sum"}}, bytes.NewReader(content))
	if !strings.HasPrefix(result.stdout.String(), hex.EncodeToString(sum[:])) {
		t.Errorf("%q", result.stdout.String())
	}
	if got := h.exec(command{Command: []string{"cat"}}, nil); got.stdoutBytes != 0 || got.code() != 0 {
		t.Errorf("no input: %+v", got.end)
	}
	for _, script := range []string{"exit 0", "head -c 10 >/dev/null", "exec <&-; sleep 0.1"} {
		if result := h.exec(shell(script), bytes.NewReader(content)); result.code() != 0 {
			t.Errorf("%s: %+v", script, result.end)
		}
	}
}

// TestStandardInputThatNeverEnds: a command ends though its client keeps the body open.
func TestStandardInputThatNeverEnds(t *testing.T) {
	h := startActivated(t)
	for _, script := range []string{"exit 5", "read line; exit 5"} {
		reader, writer := io.Pipe()
		go func() { _, _ = io.WriteString(writer, "line\n") }()
		body, err := h.start(context.Background(), shell(script), reader)
		if err != nil {
			t.Fatal(err)
		}
		result, err := readFrames(body)
		if err != nil || result.code() != 5 {
			t.Errorf("%s: %v", script, err)
		}
		writer.Close()
		body.Close()
	}
}

func TestStalledReaderStallsTheCommand(t *testing.T) {
	h := startActivated(t)
	const total = 100 << 20
	body, err := h.start(context.Background(), shell(fmt.Sprintf("head -c %d /dev/zero; touch done", total)), nil)
	if err != nil {
		t.Fatal(err)
	}
	before := h.residentBytes()
	time.Sleep(700 * time.Millisecond)
	if _, err := os.Stat(filepath.Join(h.root, "done")); err == nil {
		t.Error("the command went on without a reader")
	}
	if grown := h.residentBytes() - before; grown > 16<<20 {
		t.Errorf("the agent grew by %d bytes", grown)
	}
	if h.exec(shell("exit 6"), nil).code() != 6 {
		t.Error("another command waits for the stalled one")
	}
	result, err := readFrames(body)
	if err != nil || result.stdoutBytes != total || result.code() != 0 {
		t.Errorf("%d bytes, %v", result.stdoutBytes, err)
	}
	if resident := h.residentBytes(); resident > 64<<20 {
		t.Errorf("the agent has %d bytes", resident)
	}
}

func TestTimeoutOfAStalledCommand(t *testing.T) {
	h := startActivated(t)
	wanted := shell("yes")
	wanted.TimeoutMs = 300
	body, err := h.start(context.Background(), wanted, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(600 * time.Millisecond)
	result, err := readFrames(body)
	if err != nil || !result.end.TimedOut {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestBackgroundProcesses(t *testing.T) {
	h := startActivated(t)
	began := time.Now()
	result := h.exec(shell(`sleep 3 & echo $! > holder; echo before`), nil)
	took := time.Since(began)
	if result.code() != 0 || result.stdout.String() != "before\n" || result.end.BackgroundProcessCount != 1 {
		t.Errorf("%q %+v", result.stdout.String(), result.end)
	}
	if took < 100*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if !isAlive(h.readPID("holder")) {
		t.Error("it was ended")
	}
	result = h.exec(shell(`sleep 3 >/dev/null 2>&1 </dev/null & exit 0`), nil)
	if result.end.BackgroundProcessCount != 1 {
		t.Errorf("a process without the pipes is not counted: %+v", result.end)
	}
	result = h.exec(shell(`sleep 0.01 & exit 0`), nil)
	if result.end.BackgroundProcessCount != 0 {
		t.Errorf("one that ends at once is counted: %+v", result.end)
	}
}

func TestLeftoversOutliveTheirOutput(t *testing.T) {
	h := startActivated(t)
	result := h.exec(shell(`(while echo on; do echo tick >> ticks; sleep 0.02; done) & exit 0`), nil)
	if result.code() != 0 || result.end.BackgroundProcessCount == 0 {
		t.Errorf("%+v", result.end)
	}
	result = h.exec(shell(`until [ $(wc -l < ticks) -ge 30 ]; do sleep 0.05; done`), nil)
	if result.code() != 0 || result.end.TimedOut {
		t.Errorf("it ended with its output: %+v", result.end)
	}
}

func TestNoInput(t *testing.T) {
	h := startActivated(t)
	request := shell(`readlink /proc/self/fd/0; cat`)
	request.NoStdin = true
	if result := h.exec(request, nil); result.stdout.String() != "/dev/null\n" {
		t.Errorf("%q", result.stdout.String())
	}
}

// TestOutputBeforeTheEndIsComplete: a holder of the pipe must not cost what the command wrote.
func TestOutputBeforeTheEndIsComplete(t *testing.T) {
	h := startActivated(t)
	for range 20 {
		result := h.exec(shell(`sleep 1 & head -c 300000 /dev/zero; head -c 50000 /dev/zero >&2`), nil)
		if result.stdoutBytes != 300000 || result.stderr.Len() != 50000 {
			t.Fatalf("%d and %d bytes", result.stdoutBytes, result.stderr.Len())
		}
	}
}
