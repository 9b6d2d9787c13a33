package shell

import (
	"bytes"
	"testing"

	"pyro.dev/guest/internal/protocol"
)

var size = protocol.TerminalSize{Columns: 80, Rows: 24}

// readAllOf reads everything a history keeps, in pieces of an odd length.
func readAllOf(t *testing.T, h *history) []byte {
	t.Helper()
	first, next := h.bounds()
	var all []byte
	piece := make([]byte, 997)
	for position := first; position < next; {
		found := h.read(position, piece)
		if found.position != position || found.length == 0 {
			t.Fatalf("at %d: %+v", position, found)
		}
		all = append(all, piece[:found.length]...)
		position += int64(found.length)
	}
	return all
}

// pattern is n bytes of which every stretch of 16 KiB differs.
func pattern(n int) []byte {
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return bytes
}

func TestHistoryKeepsTheLatest(t *testing.T) {
	h := newMemory().open(size)
	wrote := pattern(3<<20 + 12345)
	for rest := wrote; len(rest) > 0; {
		n := min(len(rest), 7919)
		h.write(rest[:n])
		rest = rest[n:]
	}
	first, next := h.bounds()
	if next != int64(len(wrote)) || next-first > historyBytesMax || next-first <= historyBytesMax-blockBytes {
		t.Fatalf("%d to %d of %d", first, next, len(wrote))
	}
	if !bytes.Equal(readAllOf(t, h), wrote[first:]) {
		t.Error("something else was kept")
	}
	if found := h.read(0, make([]byte, 10)); found.position != first || found.length != 10 {
		t.Errorf("from the beginning: %+v", found)
	}
}

// TestHistoriesShareTheirMemory: one that floods takes nothing from those that wrote little.
func TestHistoriesShareTheirMemory(t *testing.T) {
	m := newMemory()
	small, histories := m.open(size), []*history{}
	small.write([]byte("hello"))
	flood := pattern(2 << 20)
	for range shellsMax - 1 {
		h := m.open(size)
		h.write(flood)
		histories = append(histories, h)
	}
	if got := readAllOf(t, small); string(got) != "hello" {
		t.Errorf("%q", got)
	}
	kept := 0
	for _, h := range histories {
		first, next := h.bounds()
		if next-first < allBytesMax/shellsMax-blockBytes {
			t.Errorf("only %d bytes are kept", next-first)
		}
		if !bytes.Equal(readAllOf(t, h), flood[first:]) {
			t.Error("something else was kept")
		}
		kept += int(next - first)
	}
	if kept > allBytesMax || m.blockCount != allBytesMax/blockBytes {
		t.Errorf("%d bytes in %d blocks", kept, m.blockCount)
	}
	for _, h := range append(histories, small) {
		h.forget()
	}
	if m.blockCount != 0 || len(m.histories) != 0 {
		t.Errorf("%d blocks of %d histories are left", m.blockCount, len(m.histories))
	}
}

func TestHistoryRemembersSizes(t *testing.T) {
	h := newMemory().open(size)
	wide := protocol.TerminalSize{Columns: 200, Rows: 50}
	h.write([]byte("abc"))
	h.resize(protocol.TerminalSize{Columns: 100, Rows: 30})
	h.resize(wide)
	h.write([]byte("def"))
	into := make([]byte, 10)
	if found := h.read(0, into); found.length != 3 || found.size != size {
		t.Errorf("%+v", found)
	}
	if found := h.read(3, into); found.length != 3 || found.size != wide {
		t.Errorf("%+v", found)
	}
	for n := range 10 * sizesMax {
		h.resize(protocol.TerminalSize{Columns: 80 + n, Rows: 24})
		h.write([]byte("x"))
	}
	if len(h.sizes) > sizesMax {
		t.Errorf("%d sizes", len(h.sizes))
	}
	h.write(pattern(2 * historyBytesMax))
	if first, _ := h.bounds(); len(h.sizes) != 1 || h.sizes[0].position > first {
		t.Errorf("%d sizes, the first from %d", len(h.sizes), h.sizes[0].position)
	}
}

func TestHistoryWakesWhoWaits(t *testing.T) {
	h := newMemory().open(size)
	for _, change := range []func(){func() { h.write([]byte("x")) }, func() { h.resize(size) }, h.end} {
		_, next := h.bounds()
		found := h.read(next, make([]byte, 1))
		change()
		<-found.changed
	}
	if _, next := h.bounds(); !h.read(next, make([]byte, 1)).isEnded {
		t.Error("the end is not told")
	}
}
