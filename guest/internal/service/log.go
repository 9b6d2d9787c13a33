package service

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// A log is a few files, each named by where it begins among all that was ever
// written. The oldest goes when another is due: segmentsMax times
// segmentBytesMax is all the room that a service takes on the disk, less where
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
	// directory is the service's own.
	directory int
	// segmentBytes bounds each segment.
	segmentBytes int64

	mutex sync.Mutex
	// starts of the segments, the oldest first.
	starts []int64
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

// OpenLog opens what is in a directory, which it owns from then on.
func OpenLog(directory int) (*Log, error) {
	log := &Log{directory: directory, segmentBytes: segmentBytes(directory), changed: make(chan struct{})}
	starts, err := listSegments(directory)
	if err != nil {
		_ = unix.Close(directory)
		return nil, err
	}
	log.starts = starts
	if len(starts) > 0 {
		log.end = log.wholeEnd(starts[len(starts)-1])
	}
	return log, nil
}

// segmentBytes is a fair part of the file system.
func segmentBytes(directory int) int64 {
	var system unix.Statfs_t
	if unix.Fstatfs(directory, &system) != nil {
		return segmentBytesMin
	}
	part := int64(system.Blocks) * system.Bsize / (servicesMax * segmentsMax)
	return max(segmentBytesMin, min(part, segmentBytesMax))
}

func segmentName(start int64) string { return fmt.Sprintf("%016x", start) }

func listSegments(directory int) ([]int64, error) {
	own, err := unix.Openat(directory, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	file := os.NewFile(uintptr(own), "log")
	defer file.Close()
	names, err := file.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list the log: %w", err)
	}
	var starts []int64
	for _, name := range names {
		start, err := strconv.ParseInt(name, 16, 64)
		if err == nil && start >= 0 && name == segmentName(start) {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts, nil
}

// wholeEnd is where the last whole record of a segment ends: a machine that lost its power may have left half of one.
func (l *Log) wholeEnd(start int64) int64 {
	file := l.openSegment(start)
	if file == nil {
		return start
	}
	defer file.Close()
	buffer := make([]byte, recordHeaderBytes+recordPayloadMax)
	end := int64(0)
	for {
		_, length := parseRecord(file, buffer, end)
		if length == 0 || end+length > l.segmentBytes {
			return start + end
		}
		end += length
	}
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
	start := l.starts[len(l.starts)-1]
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
	isFull := len(l.starts) == 0 || l.end-l.starts[len(l.starts)-1]+length > l.segmentBytes
	if l.current != nil && !isFull {
		return true
	}
	if isFull {
		for len(l.starts) >= segmentsMax {
			_ = unix.Unlinkat(l.directory, segmentName(l.starts[0]), 0)
			l.starts = l.starts[1:]
		}
		// One that holds nothing yet has the name of the next.
		if len(l.starts) == 0 || l.starts[len(l.starts)-1] != l.end {
			l.starts = append(l.starts, l.end)
		}
	}
	if l.current != nil {
		_ = l.current.Close()
		l.current = nil
	}
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_CLOEXEC
	name := segmentName(l.starts[len(l.starts)-1])
	descriptor, err := unix.Openat(l.directory, name, flags, 0o600)
	if err != nil {
		if isFull {
			l.starts = l.starts[:len(l.starts)-1]
		}
		return false
	}
	l.current = os.NewFile(uintptr(descriptor), name)
	return true
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
	_ = unix.Close(l.directory)
	l.wake()
}

// extent is what can be read at this moment.
func (l *Log) extent() (starts []int64, end int64, changed <-chan struct{}, isClosed bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.starts), l.end, l.changed, l.isClosed
}

// openSegment answers nil where a segment is gone by now.
func (l *Log) openSegment(start int64) *os.File {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.isClosed {
		return nil
	}
	descriptor, err := unix.Openat(l.directory, segmentName(start), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(descriptor), segmentName(start))
}
