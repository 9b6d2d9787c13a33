package layer

import (
	"encoding/binary"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"
)

// isaWitnesses are built for the CPUs that the whole image is meant for: the C
// library and its loader, where distributions put them, and the shell.
var isaWitnesses = []string{
	"lib64/ld-linux-x86-64.so.2", "lib64/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6", "usr/lib/libc.so.6", "bin/sh",
}

// isaLevel is the level of x86-64 that the image says it needs, or zero.
func (t *target) isaLevel() int {
	highest := 0
	for _, name := range isaWitnesses {
		descriptor, err := openIn(t.root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
		if err != nil {
			continue
		}
		file := os.NewFile(uintptr(descriptor), name)
		if status, err := file.Stat(); err == nil && status.Mode().IsRegular() {
			highest = max(highest, neededISA(file))
		}
		_ = file.Close()
	}
	return highest
}

const (
	elfHeaderBytes     = 64
	segmentBytes       = 56
	segmentsMax        = 64
	noteSegment        = 4
	noteSegmentMax     = 4 << 10
	noteHeaderBytes    = 12
	gnuOwner           = "GNU\x00"
	gnuPropertyNote    = 5
	isaNeededProperty  = 0xc0008002
	propertyAlignBytes = 8
)

// neededISA reads GNU_PROPERTY_X86_ISA_1_NEEDED of an ELF file: 1 for the
// baseline, 4 for x86-64-v4. Zero says that it has none, or is no such file.
func neededISA(file *os.File) int {
	header := make([]byte, elfHeaderBytes)
	if _, err := file.ReadAt(header, 0); err != nil || string(header[:6]) != "\x7fELF\x02\x01" {
		return 0
	}
	count := int(binary.LittleEndian.Uint16(header[56:]))
	if binary.LittleEndian.Uint16(header[54:]) != segmentBytes || count > segmentsMax {
		return 0
	}
	segments := make([]byte, count*segmentBytes)
	if _, err := file.ReadAt(segments, int64(binary.LittleEndian.Uint64(header[32:]))); err != nil {
		return 0
	}
	highest := 0
	for ; len(segments) > 0; segments = segments[segmentBytes:] {
		size := binary.LittleEndian.Uint64(segments[32:])
		if binary.LittleEndian.Uint32(segments) != noteSegment || size > noteSegmentMax {
			continue
		}
		notes := make([]byte, size)
		if _, err := file.ReadAt(notes, int64(binary.LittleEndian.Uint64(segments[8:]))); err == nil {
			highest = max(highest, isaOfNotes(notes, binary.LittleEndian.Uint64(segments[48:])))
		}
	}
	return highest
}

// isaOfNotes looks through the notes of one segment, which are aligned alike.
func isaOfNotes(notes []byte, alignment uint64) int {
	if alignment != propertyAlignBytes {
		return 0
	}
	for len(notes) >= noteHeaderBytes+len(gnuOwner) {
		nameBytes, contentBytes := binary.LittleEndian.Uint32(notes), binary.LittleEndian.Uint32(notes[4:])
		kind := binary.LittleEndian.Uint32(notes[8:])
		rest := notes[noteHeaderBytes:]
		if nameBytes != uint32(len(gnuOwner)) || string(rest[:len(gnuOwner)]) != gnuOwner {
			return 0
		}
		rest = rest[len(gnuOwner):]
		if uint64(contentBytes) > uint64(len(rest)) {
			return 0
		}
		if kind == gnuPropertyNote {
			return isaOfProperties(rest[:contentBytes])
		}
		notes = rest[min(aligned(contentBytes), len(rest)):]
	}
	return 0
}

// isaOfProperties finds the set of levels, of which the highest counts.
func isaOfProperties(properties []byte) int {
	for len(properties) >= 8 {
		kind, size := binary.LittleEndian.Uint32(properties), binary.LittleEndian.Uint32(properties[4:])
		value := properties[8:]
		if uint64(size) > uint64(len(value)) {
			return 0
		}
		if kind == isaNeededProperty && size == 4 {
			return min(bits.Len32(binary.LittleEndian.Uint32(value)), 4)
		}
		properties = value[min(aligned(size), len(value)):]
	}
	return 0
}

func aligned(size uint32) int {
	return int((uint64(size) + propertyAlignBytes - 1) &^ (propertyAlignBytes - 1))
}
