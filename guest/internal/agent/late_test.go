package agent

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pyro.dev/guest/internal/protocol"
)

// lateReader is the host's end of what outlives commands.
type lateReader struct {
	*testing.T
	body io.ReadCloser
	// output and dropped are each command's.
	output  map[uint64]string
	bytes   map[uint64]int64
	dropped map[uint64]int64
}

func (h *host) readLate() *lateReader {
	h.Helper()
	ctx, leave := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", "http://agent/v1/late-output", nil)
	if err != nil {
		h.Fatal(err)
	}
	response, err := h.http.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	// A read that never ends fails rather than hangs.
	timer := time.AfterFunc(20*time.Second, leave)
	h.Cleanup(func() {
		timer.Stop()
		leave()
	})
	return &lateReader{T: h.T, body: response.Body, output: map[uint64]string{}, bytes: map[uint64]int64{}, dropped: map[uint64]int64{}}
}

func (r *lateReader) until(holds func() bool) {
	r.Helper()
	for !holds() {
		header := make([]byte, protocol.FrameHeaderBytes)
		if _, err := io.ReadFull(r.body, header); err != nil {
			r.Fatalf("%v; so far %q, %v bytes, %v dropped", err, r.output, r.bytes, r.dropped)
		}
		payload := make([]byte, binary.BigEndian.Uint32(header[1:]))
		if _, err := io.ReadFull(r.body, payload); err != nil || len(payload) > protocol.FramePayloadMax {
			r.Fatalf("%d bytes, %v", len(payload), err)
		}
		number, rest := binary.BigEndian.Uint64(payload), payload[protocol.LateNumberBytes:]
		switch protocol.FrameKind(header[0]) {
		case protocol.FrameOutput, protocol.FrameError:
			r.bytes[number] += int64(len(rest))
			if len(r.output[number]) < 1000 {
				r.output[number] += fmt.Sprintf("%d:%s", header[0], rest)
			}
		case protocol.FrameDropped:
			r.dropped[number] += int64(binary.BigEndian.Uint64(rest))
		default:
			r.Fatalf("frame kind %d", header[0])
		}
	}
}

// outlive makes a command that ends with a process left that runs the script.
func outlive(number int, script string) command {
	wanted := shell("(until [ -e go ]; do sleep 0.01; done; " + script + ") & exit 0")
	wanted.number = number
	return wanted
}

func TestLateOutputComesUnderItsCommand(t *testing.T) {
	h := startActivated(t)
	late := h.readLate()
	for number, script := range map[int]string{7: "echo seven", 8: "echo eight >&2"} {
		if result := h.exec(outlive(number, script), nil); result.stdoutBytes != 0 || result.stderr.Len() != 0 {
			t.Errorf("came before the end: %q %q", result.stdout.String(), result.stderr.String())
		}
	}
	h.release()
	late.until(func() bool { return late.output[7] != "" && late.output[8] != "" })
	if late.output[7] != "1:seven\n" || late.output[8] != "2:eight\n" {
		t.Errorf("%q", late.output)
	}
}

// TestLateOutputWaitsForNobody: a flood that nobody reads goes on, and every byte of it is told of in the end.
func TestLateOutputWaitsForNobody(t *testing.T) {
	h := startActivated(t)
	const total = 64 << 20
	h.exec(outlive(1, fmt.Sprintf("head -c %d /dev/zero; touch done", total)), nil)
	before := h.residentBytes()
	h.release()
	eventually(t, "the writer ends", func() bool {
		_, err := os.Stat(filepath.Join(h.root, "done"))
		return err == nil
	})
	if grown := h.residentBytes() - before; grown > 8<<20 {
		t.Errorf("the agent grew by %d bytes", grown)
	}
	late := h.readLate()
	late.until(func() bool { return late.bytes[1]+late.dropped[1] >= total })
	if late.bytes[1]+late.dropped[1] != total || late.bytes[1] == 0 || late.dropped[1] == 0 {
		t.Errorf("%d bytes and %d dropped", late.bytes[1], late.dropped[1])
	}
}

// TestLateOutputIsNotDrownedOut: a line beside a flood that its reader is slow to take is not lost.
func TestLateOutputIsNotDrownedOut(t *testing.T) {
	h := startActivated(t)
	h.exec(outlive(1, "exec yes"), nil)
	h.exec(outlive(2, `i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo "line $i"; sleep 0.02; done`), nil)
	late := h.readLate()
	h.release()
	seen := late.bytes[1]
	late.until(func() bool {
		if late.bytes[1]-seen > 256<<10 {
			seen = late.bytes[1]
			time.Sleep(100 * time.Millisecond)
		}
		return strings.Contains(late.output[2], "line 20\n")
	})
	for i := 1; i <= 20; i++ {
		if !strings.Contains(late.output[2], "line "+strconv.Itoa(i)+"\n") {
			t.Errorf("line %d is missing", i)
		}
	}
}

func TestLateOutputNeedsANumber(t *testing.T) {
	h := startActivated(t)
	late := h.readLate()
	h.exec(outlive(0, "echo dropped; touch dropped"), nil)
	h.release()
	eventually(t, "it runs on", func() bool {
		_, err := os.Stat(filepath.Join(h.root, "dropped"))
		return err == nil
	})
	_ = os.Remove(filepath.Join(h.root, "go"))
	h.exec(outlive(3, "echo kept"), nil)
	h.release()
	late.until(func() bool { return late.output[3] != "" })
	if len(late.output) != 1 {
		t.Errorf("%q", late.output)
	}
}
