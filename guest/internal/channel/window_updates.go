package channel

import "encoding/binary"

const (
	frameHeaderBytes  = 9
	headersType       = 1
	endStreamFlag     = 1
	windowUpdateType  = 8
	windowUpdateBytes = frameHeaderBytes + 4
	// heldBytesMax is how much the host may send that it is not told of yet. Less than a stream's window, so that it
	// always has room for something, and by sending that makes us tell it.
	heldBytesMax = 128 << 10
)

// windowUpdates keeps back what only allows the host to send more: HTTP/2 says so for every piece that a program takes, and
// every write to a port costs an emulated machine as much as copying a hundred KiB. The stream stays what it is: what is kept
// goes before whatever is written next.
type windowUpdates struct {
	// unwritten is what the frame lacks that was begun last.
	unwritten int
	// header is the part of the next one that was written.
	header []byte

	held []byte
	// What the host is not told of yet: of all streams together, and of the connection.
	ofStreams, ofConnection int
}

// keep answers whether bytes wait for the next write.
func (w *windowUpdates) keep(bytes []byte) bool {
	isBoundary := w.unwritten == 0 && len(w.header) == 0
	w.follow(bytes)
	if !isBoundary {
		return false
	}
	ofStreams, ofConnection, isAll := allowances(bytes)
	if !isAll || max(w.ofStreams+ofStreams, w.ofConnection+ofConnection) >= heldBytesMax {
		return false
	}
	w.held = append(w.held, bytes...)
	w.ofStreams += ofStreams
	w.ofConnection += ofConnection
	return true
}

// keepHead answers whether bytes, the head of an answer that goes on, wait for the next write as well.
func (w *windowUpdates) keepHead(bytes []byte) bool {
	isWhole := w.unwritten == 0 && len(w.header) == 0 && len(bytes) >= frameHeaderBytes &&
		len(bytes) == frameHeaderBytes+(int(bytes[0])<<16|int(bytes[1])<<8|int(bytes[2]))
	if !isWhole || bytes[3] != headersType || bytes[4]&endStreamFlag != 0 {
		return false
	}
	w.held = append(w.held, bytes...)
	return true
}

// take is what must be written first.
func (w *windowUpdates) take() []byte {
	held := w.held
	w.held, w.ofStreams, w.ofConnection = w.held[:0], 0, 0
	return held
}

// follow knows afterwards where in a frame the stream is.
func (w *windowUpdates) follow(bytes []byte) {
	for len(bytes) > 0 {
		if w.unwritten > 0 {
			n := min(w.unwritten, len(bytes))
			w.unwritten -= n
			bytes = bytes[n:]
			continue
		}
		n := min(frameHeaderBytes-len(w.header), len(bytes))
		w.header = append(w.header, bytes[:n]...)
		bytes = bytes[n:]
		if len(w.header) == frameHeaderBytes {
			w.unwritten = int(w.header[0])<<16 | int(w.header[1])<<8 | int(w.header[2])
			w.header = w.header[:0]
		}
	}
}

// allowances is what frames allow, and whether they are nothing but window updates.
func allowances(frames []byte) (ofStreams, ofConnection int, isAll bool) {
	if len(frames) == 0 || len(frames)%windowUpdateBytes != 0 {
		return 0, 0, false
	}
	for ; len(frames) > 0; frames = frames[windowUpdateBytes:] {
		if frames[0] != 0 || frames[1] != 0 || frames[2] != windowUpdateBytes-frameHeaderBytes || frames[3] != windowUpdateType {
			return 0, 0, false
		}
		allowed := int(binary.BigEndian.Uint32(frames[frameHeaderBytes:]))
		if stream := binary.BigEndian.Uint32(frames[5:]); stream == 0 {
			ofConnection += allowed
		} else {
			ofStreams += allowed
		}
	}
	return ofStreams, ofConnection, true
}
