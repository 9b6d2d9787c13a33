package service

import (
	"cmp"
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// A log is a few files, each named by where it begins among all that was ever
// written. The oldest goes when another is due: segmentsMax times
// segmentBytesMax is all the room that a service takes in one place, less where
// all services together would not have that.
const (
	segmentBytesMax = 2 << 20
	segmentBytesMin = 64 << 10
	segmentsMax     = 8
	// recordHeaderBytes are the kind, the time and the length of what follows.
	recordHeaderBytes = 1 + 8 + 4
	// recordPayloadMax fits into a frame beside its time.
	recordPayloadMax = 32 << 10
	droppedKind      = protocol.FrameDropped
)

// Log is what a service writes, both outputs in the order they came.
type Log struct {
	mutex sync.Mutex
	// places are the service's own directories. What is written goes to the last; those before keep what they have.
	places []*place
	// segments, the oldest first.
	segments []segment
	// current is the newest segment; nil where none is open for writing.
	current *os.File
	// end is where the next record begins.
	end int64
	// droppedBytes are those that the disk had no room for since the last record.
	droppedBytes uint64
	// record is where one is put together.
	record   []byte
	isClosed bool
	// changed is closed when more is to be read.
	changed chan struct{}
}

// OpenLog opens what is in directories, which it owns from then on. It goes on in the last.
func OpenLog(directories ...int) (*Log, error) {
	log := &Log{changed: make(chan struct{})}
	for _, directory := range directories {
		log.places = append(log.places, newPlace(directory))
	}
	for _, each := range log.places {
		found, err := each.list()
		if err != nil {
			log.Close()
			return nil, err
		}
		log.segments = append(log.segments, found...)
	}
	slices.SortStableFunc(log.segments, func(a, b segment) int { return cmp.Compare(a.start, b.start) })
	if len(log.segments) > 0 {
		log.end = log.segments[len(log.segments)-1].wholeEnd()
	}
	return log, nil
}

// MoveTo goes on in another directory, which the log owns from then on. Once it
// returns, nothing more is written where the log was before.
func (l *Log) MoveTo(directory int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	next := newPlace(directory)
	if l.isClosed || next.isSame(l.places[len(l.places)-1]) {
		next.close()
		return
	}
	if l.current != nil {
		_ = l.current.Close()
		l.current = nil
	}
	l.places = append(l.places, next)
}

// Write adds to the log. It never fails and never waits for a reader: what the
// disk has no room for is counted, and the count stands in its place.
func (l *Log) Write(kind protocol.FrameKind, payload []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := time.Now().UnixNano()
	if l.droppedBytes > 0 {
		count := binary.BigEndian.AppendUint64(nil, l.droppedBytes)
		if l.append(droppedKind, now, count) {
			l.droppedBytes = 0
		}
	}
	for len(payload) > 0 {
		piece := payload[:min(len(payload), recordPayloadMax)]
		payload = payload[len(piece):]
		if l.droppedBytes > 0 || !l.append(kind, now, piece) {
			l.droppedBytes += uint64(len(piece))
		}
	}
	l.wake()
}

// append is called with the mutex held.
func (l *Log) append(kind protocol.FrameKind, now int64, payload []byte) bool {
	record := append(l.record[:0], byte(kind))
	record = binary.BigEndian.AppendUint64(record, uint64(now))
	record = binary.BigEndian.AppendUint32(record, uint32(len(payload)))
	record = append(record, payload...)
	l.record = record
	if !l.makeRoom(int64(len(record))) {
		return false
	}
	start := l.segments[len(l.segments)-1].start
	if _, err := l.current.WriteAt(record, l.end-start); err != nil {
		// Half a record would end the log for every reader.
		_ = l.current.Truncate(l.end - start)
		return false
	}
	l.end += int64(len(record))
	return true
}

// makeRoom begins another segment where that is due.
func (l *Log) makeRoom(length int64) bool {
	if l.isClosed {
		return false
	}
	newest := l.places[len(l.places)-1]
	isFull := len(l.segments) == 0
	if !isFull {
		last := l.segments[len(l.segments)-1]
		isFull = last.in != newest || l.end-last.start+length > newest.segmentBytes
	}
	if l.current != nil && !isFull {
		return true
	}
	if isFull {
		l.beginSegment(newest)
	}
	if l.current != nil {
		_ = l.current.Close()
		l.current = nil
	}
	last := l.segments[len(l.segments)-1]
	current, err := last.open(unix.O_RDWR | unix.O_CREAT)
	if err != nil {
		if isFull {
			l.segments = l.segments[:len(l.segments)-1]
		}
		return false
	}
	l.current = current
	return true
}

// beginSegment keeps what is read without a gap: the oldest goes first, wherever it is.
func (l *Log) beginSegment(in *place) {
	isHere := func(each segment) bool { return each.in == in }
	for countOf(l.segments, isHere) >= segmentsMax {
		l.segments[0].remove()
		l.segments = l.segments[1:]
	}
	if count := len(l.segments); count > 0 && l.segments[count-1].start == l.end {
		// It holds nothing yet, and has the name of the next.
		if l.segments[count-1].in == in {
			return
		}
		l.segments[count-1].remove()
		l.segments = l.segments[:count-1]
	}
	l.segments = append(l.segments, segment{start: l.end, in: in})
}

func countOf(segments []segment, matches func(segment) bool) (count int) {
	for _, each := range segments {
		if matches(each) {
			count++
		}
	}
	return count
}

// Wake lets readers look again at what they wait for.
func (l *Log) Wake() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.wake()
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Close lets go of the disk; what is written afterwards is lost.
func (l *Log) Close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.isClosed {
		return
	}
	l.isClosed = true
	if l.current != nil {
		_ = l.current.Close()
	}
	for _, each := range l.places {
		each.close()
	}
	l.wake()
}

// extent is what can be read at this moment.
func (l *Log) extent() (segments []segment, end int64, changed <-chan struct{}, isClosed bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.segments), l.end, l.changed, l.isClosed
}

// openSegment answers nil where a segment is gone by now.
func (l *Log) openSegment(wanted segment) *os.File {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.isClosed {
		return nil
	}
	file, err := wanted.open(unix.O_RDONLY | unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	return file
}
