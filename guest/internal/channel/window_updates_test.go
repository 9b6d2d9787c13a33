package channel

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const dataType = 0

func frame(kind byte, stream uint32, payload []byte) []byte {
	made := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, 0}
	return append(binary.BigEndian.AppendUint32(made, stream), payload...)
}

func windowUpdate(stream, bytes uint32) []byte {
	return frame(windowUpdateType, stream, binary.BigEndian.AppendUint32(nil, bytes))
}

func TestWindowUpdatesWaitForTheNextWrite(t *testing.T) {
	updates := windowUpdates{}
	both := append(windowUpdate(0, 65536), windowUpdate(3, 65536)...)
	if !updates.keep(both) {
		t.Error("they were not kept")
	}
	if updates.keep(frame(dataType, 3, []byte("x"))) {
		t.Error("data was kept")
	}
	if held := updates.take(); !bytes.Equal(held, both) {
		t.Errorf("%x", held)
	}
	if held := updates.take(); len(held) != 0 {
		t.Errorf("again %x", held)
	}
}

// Kept for longer, a stream's window, or the connection's, would end with nobody knowing of more.
func TestWindowUpdatesAreNeverKeptForMoreThanHalfAWindow(t *testing.T) {
	for name, stream := range map[string]uint32{"a stream's": 5, "the connection's": 0} {
		updates := windowUpdates{}
		kept := 0
		for updates.keep(windowUpdate(stream, 10_000)) {
			kept += 10_000
		}
		if kept < heldBytesMax-20_000 || kept >= heldBytesMax {
			t.Errorf("%s: %d bytes", name, kept)
		}
	}
	updates := windowUpdates{}
	kept := 0
	for stream := uint32(1); updates.keep(windowUpdate(stream, 1_000)); stream += 2 {
		kept += 1_000
	}
	if kept >= heldBytesMax {
		t.Errorf("of many streams: %d bytes", kept)
	}
}

// What a program writes may look like anything.
func TestWhatLooksLikeAWindowUpdateInAFrameIsNotKept(t *testing.T) {
	updates := windowUpdates{}
	disguised := windowUpdate(1, 1)
	data := frame(dataType, 1, append([]byte("before"), disguised...))
	at := len(data) - len(disguised)
	if updates.keep(data[:at]) || updates.keep(data[at:]) {
		t.Error("a part of a frame was kept")
	}
	if !updates.keep(windowUpdate(1, 1)) {
		t.Error("one behind the frame was not kept")
	}
}

func TestAStreamIsTheSameHoweverItIsWritten(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var stream []byte
		for range 40 {
			switch random.IntN(4) {
			case 1:
				head := frame(headersType, 1, make([]byte, random.IntN(20)))
				head[4] = byte(random.IntN(2)) * endStreamFlag
				stream = append(stream, head...)
			case 0:
				stream = append(stream, frame(dataType, 1, make([]byte, random.IntN(3)*random.IntN(40_000)))...)
			default:
				stream = append(stream, windowUpdate(uint32(random.IntN(3)), uint32(random.IntN(60_000)))...)
			}
		}
		// What is kept at the end goes with the next word, as here.
		stream = append(stream, frame(dataType, 1, []byte("end"))...)
		if arrived := throughConnection(t, stream, random); !bytes.Equal(arrived, stream) {
			t.Fatalf("seed %d: %d bytes of %d arrived", seed, len(arrived), len(stream))
		}
	}
}

func connectionPair(t *testing.T) (*connection, *os.File) {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "ours"), os.NewFile(uintptr(ends[1]), "theirs")
	client := newConnection(ours, nil, func() { ours.Close() })
	t.Cleanup(func() {
		client.Close()
		theirs.Close()
	})
	return client, theirs
}

// write fails the test unless all is written.
func write(t *testing.T, client *connection, frames ...[]byte) {
	t.Helper()
	for _, each := range frames {
		if n, err := client.Write(each); err != nil || n != len(each) {
			t.Fatalf("%d of %d: %v", n, len(each), err)
		}
	}
}

func packet(t *testing.T, theirs *os.File) []byte {
	t.Helper()
	buffer := make([]byte, 1<<16)
	n, err := theirs.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

func TestAnExpectedHeadGoesWithWhatFollowsIt(t *testing.T) {
	client, theirs := connectionPair(t)
	head, data := frame(headersType, 1, []byte("head")), frame(dataType, 1, []byte("data"))
	write(t, client, head)
	if alone := packet(t, theirs); !bytes.Equal(alone, head) {
		t.Errorf("one that nobody expects: %x", alone)
	}
	client.ExpectHead()
	write(t, client, windowUpdate(0, 1), head, data, head)
	if together := packet(t, theirs); !bytes.Equal(together, bytes.Join([][]byte{windowUpdate(0, 1), head, data}, nil)) {
		t.Errorf("together: %x", together)
	}
	if next := packet(t, theirs); !bytes.Equal(next, head) {
		t.Errorf("the next one waits as well: %x", next)
	}
}

func TestAHeadThatIsTheWholeAnswerDoesNotWait(t *testing.T) {
	client, theirs := connectionPair(t)
	whole := frame(headersType, 1, []byte("head"))
	whole[4] = endStreamFlag
	client.ExpectHead()
	write(t, client, whole)
	if arrived := packet(t, theirs); !bytes.Equal(arrived, whole) {
		t.Errorf("%x", arrived)
	}
}

func TestAHeadDoesNotWaitForEverForWhatDoesNotFollow(t *testing.T) {
	client, theirs := connectionPair(t)
	head := frame(headersType, 1, []byte("head"))
	client.ExpectHead()
	write(t, client, head)
	if arrived := packet(t, theirs); !bytes.Equal(arrived, head) {
		t.Errorf("%x", arrived)
	}
	write(t, client, frame(dataType, 1, nil))
	if arrived := packet(t, theirs); len(arrived) != frameHeaderBytes {
		t.Errorf("after it: %x", arrived)
	}
}

// throughConnection writes a stream in pieces: whole frames, as the library does where it can, and parts of them.
func throughConnection(t *testing.T, stream []byte, random *rand.Rand) []byte {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "ours"), os.NewFile(uintptr(ends[1]), "theirs")
	defer theirs.Close()
	arrived := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(theirs)
		arrived <- all
	}()
	client := newConnection(ours, nil, func() { ours.Close() })
	for rest := stream; len(rest) > 0; {
		n := frameHeaderBytes + int(binary.BigEndian.Uint32(append([]byte{0}, rest[:3]...)))
		// All pieces of a frame are written before the next begins, so that frames stay whole for the count above.
		if random.IntN(3) == 0 {
			client.ExpectHead()
		}
		for piece := rest[:n]; len(piece) > 0; {
			part := len(piece)
			if random.IntN(4) == 0 {
				part = 1 + random.IntN(len(piece))
			}
			if written, err := client.Write(piece[:part]); err != nil || written != part {
				t.Fatalf("%d of %d: %v", written, part, err)
			}
			piece = piece[part:]
		}
		rest = rest[n:]
	}
	client.Close()
	return <-arrived
}
