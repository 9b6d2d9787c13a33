package shell

import (
	"sync"

	"pyro.dev/guest/internal/protocol"
)

const (
	blockBytes = 16 << 10
	// historyBytesMax is what is kept of one shell's output.
	historyBytesMax = 1 << 20
	// allBytesMax is what is kept of all together: it comes out of the memory that
	// commands leave to the agent. 64 shells that fill it have 256 KiB each.
	allBytesMax = 16 << 20
	// sizesMax bounds what a terminal that is resized without end costs.
	sizesMax = 64
)

// memory is shared by the histories of all shells: who has most gives to who has less.
type memory struct {
	mutex      sync.Mutex
	histories  map[*history]struct{}
	blockCount int
}

func newMemory() *memory { return &memory{histories: map[*history]struct{}{}} }

// history is the latest output of one shell. Positions count all bytes it ever wrote.
type history struct {
	memory *memory
	// blocks are full, but for the last one's end.
	blocks [][]byte
	// first is the position of the first byte that is kept, next that of the byte to come.
	first, next int64
	// sizes of the terminal by where they began, the first at or before first.
	sizes []sizeAt
	// changed is closed with the next change; nil while nobody waits.
	changed chan struct{}
	isEnded bool
}

type sizeAt struct {
	position int64
	size     protocol.TerminalSize
}

func (m *memory) open(size protocol.TerminalSize) *history {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	opened := &history{memory: m, sizes: []sizeAt{{0, size}}}
	m.histories[opened] = struct{}{}
	return opened
}

// write keeps bytes, and forgets the oldest where there is no room for both.
func (h *history) write(bytes []byte) {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	for len(bytes) > 0 {
		last := len(h.blocks) - 1
		if last < 0 || len(h.blocks[last]) == blockBytes {
			h.blocks = append(h.blocks, h.nextBlock())
			last = len(h.blocks) - 1
		}
		n := min(len(bytes), blockBytes-len(h.blocks[last]))
		h.blocks[last] = append(h.blocks[last], bytes[:n]...)
		h.next += int64(n)
		bytes = bytes[n:]
	}
	h.tell()
}

// nextBlock makes a block, or takes the oldest of the history that has most.
func (h *history) nextBlock() []byte {
	switch {
	case len(h.blocks) == historyBytesMax/blockBytes:
		return h.giveBlock()
	case h.memory.blockCount < allBytesMax/blockBytes:
		h.memory.blockCount++
		return make([]byte, 0, blockBytes)
	default:
		return h.memory.largest().giveBlock()
	}
}

func (m *memory) largest() *history {
	var largest *history
	for each := range m.histories {
		if largest == nil || len(each.blocks) > len(largest.blocks) {
			largest = each
		}
	}
	return largest
}

func (h *history) giveBlock() []byte {
	given := h.blocks[0]
	h.blocks[0] = nil
	h.blocks = h.blocks[1:]
	h.first += int64(len(given))
	for len(h.sizes) > 1 && h.sizes[1].position <= h.first {
		h.sizes = h.sizes[1:]
	}
	return given[:0]
}

// resize notes that what comes from here on was written to a terminal of another size.
func (h *history) resize(size protocol.TerminalSize) {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	last := &h.sizes[len(h.sizes)-1]
	if last.position == h.next || len(h.sizes) == sizesMax {
		last.size = size
	} else {
		h.sizes = append(h.sizes, sizeAt{h.next, size})
	}
	h.tell()
}

// end says that nothing comes any more.
func (h *history) end() {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	h.isEnded = true
	h.tell()
}

// forget gives the memory back; readers see the end.
func (h *history) forget() {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	h.memory.blockCount -= len(h.blocks)
	h.blocks, h.first, h.isEnded = nil, h.next, true
	delete(h.memory.histories, h)
	h.tell()
}

func (h *history) tell() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

func (h *history) bounds() (first, next int64) {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	return h.first, h.next
}

// piece is what a reader finds at its position.
type piece struct {
	// position is where it begins: later than asked for when what was there is kept no more.
	position int64
	length   int
	size     protocol.TerminalSize
	// isEnded says that nothing comes after it.
	isEnded bool
	// changed is closed when there is more; nil unless the piece is empty.
	changed <-chan struct{}
}

// read copies what follows a position, up to a change of the terminal's size.
func (h *history) read(position int64, into []byte) piece {
	h.memory.mutex.Lock()
	defer h.memory.mutex.Unlock()
	found := piece{position: min(max(position, h.first), h.next)}
	limit := h.next
	for _, each := range h.sizes {
		if each.position > found.position {
			limit = each.position
			break
		}
		found.size = each.size
	}
	into = into[:min(int64(len(into)), limit-found.position)]
	found.length = h.copyFrom(found.position, into)
	if found.length > 0 {
		return found
	}
	found.isEnded = h.isEnded && found.position == h.next
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	found.changed = h.changed
	return found
}

// copyFrom relies on all blocks but the last being full.
func (h *history) copyFrom(position int64, into []byte) int {
	offset := int(position - h.first)
	copied := 0
	for copied < len(into) {
		block := h.blocks[offset/blockBytes]
		n := copy(into[copied:], block[offset%blockBytes:])
		copied += n
		offset += n
	}
	return copied
}
