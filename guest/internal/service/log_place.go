package service

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// place is a directory that segments of one log are in.
type place struct {
	directory int
	// segmentBytes bounds each of them.
	segmentBytes int64
}

// segment is one file of a log, from a position among all that was ever written.
type segment struct {
	start int64
	in    *place
}

func newPlace(directory int) *place {
	return &place{directory: directory, segmentBytes: segmentBytes(directory)}
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

func (p *place) close() { _ = unix.Close(p.directory) }

func (p *place) isSame(other *place) bool {
	var one, two unix.Stat_t
	return unix.Fstat(p.directory, &one) == nil && unix.Fstat(other.directory, &two) == nil &&
		one.Dev == two.Dev && one.Ino == two.Ino
}

// list answers the segments that are there, in any order.
func (p *place) list() ([]segment, error) {
	own, err := unix.Openat(p.directory, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	file := os.NewFile(uintptr(own), "log")
	defer file.Close()
	names, err := file.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list the log: %w", err)
	}
	var segments []segment
	for _, name := range names {
		start, err := strconv.ParseInt(name, 16, 64)
		if found := (segment{start: start, in: p}); err == nil && start >= 0 && name == found.name() {
			segments = append(segments, found)
		}
	}
	return segments, nil
}

func (s segment) name() string { return fmt.Sprintf("%016x", s.start) }

func (s segment) open(flags int) (*os.File, error) {
	descriptor, err := unix.Openat(s.in.directory, s.name(), flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(descriptor), s.name()), nil
}

func (s segment) remove() { _ = unix.Unlinkat(s.in.directory, s.name(), 0) }

// wholeEnd is where the last whole record ends: a machine that lost its power may have left half of one.
func (s segment) wholeEnd() int64 {
	file, err := s.open(unix.O_RDONLY | unix.O_NONBLOCK)
	if err != nil {
		return s.start
	}
	defer file.Close()
	buffer := make([]byte, recordHeaderBytes+recordPayloadMax)
	end := int64(0)
	for {
		_, length := parseRecord(file, buffer, end)
		if length == 0 || end+length > s.in.segmentBytes {
			return s.start + end
		}
		end += length
	}
}
