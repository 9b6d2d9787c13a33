package outputs

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// program is what a test plays: it writes, and its reader reads when the test says so.
type program struct {
	*testing.T
	*Reader
	// writes are its ends of both outputs.
	writes map[protocol.FrameKind]*os.File
}

func play(t *testing.T) *program {
	t.Helper()
	reader, err := NewReader()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{T: t, Reader: reader, writes: map[protocol.FrameKind]*os.File{}}
	for _, kind := range []protocol.FrameKind{protocol.FrameOutput, protocol.FrameError} {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		_ = unix.SetNonblock(ends[0], true)
		p.writes[kind] = os.NewFile(uintptr(ends[1]), "write")
		if err := reader.Add(kind, os.NewFile(uintptr(ends[0]), "read")); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		p.end()
		reader.Close()
	})
	return p
}

func (p *program) end() {
	for _, each := range p.writes {
		_ = each.Close()
	}
}

// say writes several times, each as "1:text".
func (p *program) say(texts ...string) {
	p.Helper()
	for _, each := range texts {
		kind, text, _ := strings.Cut(each, ":")
		if _, err := io.WriteString(p.writes[protocol.FrameKind(kind[0]-'0')], text); err != nil {
			p.Fatal(err)
		}
	}
}

// hear reads as often as it has to until the reader would wait, or both outputs have ended.
func (p *program) hear(bufferBytes int) (heard []string) {
	p.Helper()
	buffer := make([]byte, bufferBytes)
	for p.isReady() {
		if from, n := p.Read(buffer); n > 0 {
			heard = append(heard, fmt.Sprintf("%d:%s", from.Kind, buffer[:n]))
		}
	}
	return heard
}

func (p *program) isReady() bool {
	_ = control(p.poll, p.look)
	return len(p.ready) > 0
}

func TestOutputsAreReadInTheOrderInWhichTheyWereWrittenTo(t *testing.T) {
	p := play(t)
	for _, each := range []struct{ said, heard []string }{
		{[]string{"1:a", "2:b"}, []string{"1:a", "2:b"}},
		{[]string{"2:a", "1:b"}, []string{"2:a", "1:b"}},
		{[]string{"1:a"}, []string{"1:a"}},
		{[]string{"2:a", "1:b", "2:c"}, []string{"2:ac", "1:b"}},
		{nil, nil},
		{[]string{"1:abcdef", "2:g"}, []string{"1:abcd", "2:g", "1:ef"}},
	} {
		p.say(each.said...)
		if heard := p.hear(4); !slices.Equal(heard, each.heard) {
			t.Errorf("%q was heard as %q", each.said, heard)
		}
	}
}

func TestMoreOfAnOutputComesNextUnlessTheOtherIsWrittenTo(t *testing.T) {
	p := play(t)
	p.say("1:a")
	_ = control(p.poll, p.look)
	from, _ := p.Read(make([]byte, 10))
	if p.IsNext(from) {
		t.Error("there is nothing more")
	}
	p.say("1:b")
	if !p.IsNext(from) {
		t.Error("there is more")
	}
	p.say("2:c")
	if !p.IsNext(from) {
		t.Error("the other was written to later")
	}
	if heard := p.hear(10); !slices.Equal(heard, []string{"1:b", "2:c"}) {
		t.Errorf("%q", heard)
	}
	p.say("2:d", "1:e")
	if p.IsNext(from) {
		t.Error("the other comes first")
	}
}

func TestOneThatWritesAgainAndAgainKeepsItsReaderBusy(t *testing.T) {
	buffer := make([]byte, 10)
	for said, busyAfter := range map[string]int{"1:a": busyReads, "1:a 2:b": busyTurns} {
		p := play(t)
		all := strings.Fields(said)
		for count := range busyAfter + 1 {
			if p.IsBusy() {
				t.Fatalf("%q: busy after %d reads", said, count)
			}
			p.say(all[count%len(all)])
			// As if it had not been waited for, whatever this machine does meanwhile.
			p.turns++
			_ = control(p.poll, p.look)
			p.Read(buffer)
		}
		if !p.IsBusy() {
			t.Errorf("%q: not busy after %d reads", said, busyAfter+1)
		}
		time.AfterFunc(10*GatherTime, func() { _, _ = io.WriteString(p.writes[protocol.FrameOutput], "later") })
		if !p.Await() || p.IsBusy() {
			t.Errorf("%q: busy after a rest", said)
		}
	}
}

func TestOutputsEnd(t *testing.T) {
	for name, say := range map[string]func(p *program){
		"with the last of what they say": func(p *program) { p.say("1:last words", "2:and mine"); p.end() },
		"later": func(p *program) {
			p.say("1:last words", "2:and mine")
			time.AfterFunc(10*time.Millisecond, p.end)
		},
		"in turn": func(p *program) {
			p.say("1:last words")
			_ = p.writes[protocol.FrameOutput].Close()
			p.say("2:and mine")
			time.AfterFunc(10*time.Millisecond, p.end)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			say(p)
			buffer := make([]byte, 100)
			var heard []string
			for p.Await() {
				if from, n := p.Read(buffer); n > 0 {
					heard = append(heard, fmt.Sprintf("%d:%s", from.Kind, buffer[:n]))
				}
			}
			if !slices.Equal(heard, []string{"1:last words", "2:and mine"}) {
				t.Errorf("%q", heard)
			}
			if left := p.Release(); len(left) > 0 {
				t.Errorf("%d are said to be open", len(left))
			}
		})
	}
}

func TestOutputsThatSomebodyHoldsAreReleased(t *testing.T) {
	p := play(t)
	_ = p.writes[protocol.FrameOutput].Close()
	time.AfterFunc(10*time.Millisecond, p.Leave)
	for p.Await() {
		if _, n := p.Read(make([]byte, 1)); n > 0 {
			t.Error("something was read")
		}
	}
	held := p.Release()
	if len(held) != 1 || held[0].Kind != protocol.FrameError {
		t.Fatalf("%+v", held)
	}
	p.say("2:late")
	buffer := make([]byte, 10)
	if n, err := held[0].Pipe.Read(buffer); string(buffer[:n]) != "late" || err != nil {
		t.Errorf("%q %v", buffer[:n], err)
	}
	_ = held[0].Pipe.Close()
	if _, err := p.writes[protocol.FrameError].WriteString("nobody"); err == nil {
		t.Error("what was closed can still be written to")
	}
}
