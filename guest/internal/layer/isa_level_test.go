package layer

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
)

// note is one note of a segment, padded as its neighbours want it.
func note(owner string, kind uint32, content []byte) []byte {
	made := binary.LittleEndian.AppendUint32(nil, uint32(len(owner)))
	made = binary.LittleEndian.AppendUint32(made, uint32(len(content)))
	made = append(binary.LittleEndian.AppendUint32(made, kind), owner...)
	return append(made, content...)
}

func property(kind, value uint32) []byte {
	made := binary.LittleEndian.AppendUint32(nil, kind)
	made = binary.LittleEndian.AppendUint32(made, 4)
	return append(binary.LittleEndian.AppendUint32(made, value), 0, 0, 0, 0)
}

// program is an ELF file of nothing but segments of notes.
func program(notes ...[]byte) string {
	header := make([]byte, elfHeaderBytes, elfHeaderBytes+len(notes)*segmentBytes)
	copy(header, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint64(header[32:], elfHeaderBytes)
	binary.LittleEndian.PutUint16(header[54:], segmentBytes)
	binary.LittleEndian.PutUint16(header[56:], uint16(len(notes)))
	offset := uint64(elfHeaderBytes + len(notes)*segmentBytes)
	var contents []byte
	for _, content := range notes {
		segment := make([]byte, segmentBytes)
		binary.LittleEndian.PutUint32(segment, noteSegment)
		binary.LittleEndian.PutUint64(segment[8:], offset+uint64(len(contents)))
		binary.LittleEndian.PutUint64(segment[32:], uint64(len(content)))
		binary.LittleEndian.PutUint64(segment[48:], propertyAlignBytes)
		header = append(header, segment...)
		contents = append(contents, content...)
	}
	return string(append(header, contents...))
}

func levels(set uint32) []byte {
	return note(gnuOwner, gnuPropertyNote, append(property(0xc0000002, 3), property(isaNeededProperty, set)...))
}

func levelOf(t *testing.T, entries ...entry) int {
	t.Helper()
	i := newImage(t)
	i.must(entries...)
	finished, err := i.builder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return finished.ISALevel
}

func TestISALevel(t *testing.T) {
	loader := "lib64/ld-linux-x86-64.so.2"
	other := note(gnuOwner, 3, make([]byte, 24))
	for name, test := range map[string]struct {
		entries []entry
		want    int
	}{
		"none":                 {[]entry{file("bin/sh", program())}, 0},
		"the baseline":         {[]entry{file(loader, program(levels(1)))}, 1},
		"one level":            {[]entry{file(loader, program(levels(4)))}, 3},
		"all levels up to one": {[]entry{file(loader, program(levels(7)))}, 3},
		"the highest":          {[]entry{file(loader, program(levels(8)))}, 4},
		"levels of the future": {[]entry{file(loader, program(levels(1<<31)))}, 4},
		"the highest witness":  {[]entry{file("bin/sh", program(levels(2))), file(loader, program(levels(4)))}, 3},
		"through links": {[]entry{directory("usr"), directory("usr/lib64"), link("lib64", "usr/lib64"),
			link("usr/lib64/libc.so.6", "libc-2.so"), file("usr/lib64/libc-2.so", program(levels(4)))}, 3},
		"after other notes":      {[]entry{file("bin/sh", program(append(other, levels(4)...)))}, 3},
		"in another segment":     {[]entry{file("bin/sh", program(other, levels(4)))}, 3},
		"of another owner":       {[]entry{file("bin/sh", program(note("XYZ\x00", gnuPropertyNote, property(isaNeededProperty, 4))))}, 0},
		"of another kind":        {[]entry{file("bin/sh", program(note(gnuOwner, 1, property(isaNeededProperty, 4))))}, 0},
		"in a script":            {[]entry{file("bin/sh", "#!/bin/true\n"+strings.Repeat("x", 100))}, 0},
		"in a directory":         {[]entry{directory("bin"), directory("bin/sh")}, 0},
		"in a fifo":              {[]entry{directory("bin"), node('6', "bin/sh", 0, 0)}, 0},
		"more segments than any": {[]entry{file("bin/sh", program(make([][]byte, segmentsMax+1)...))}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := levelOf(t, test.entries...); got != test.want {
				t.Errorf("level %d, not %d", got, test.want)
			}
		})
	}
}

// TestISALevelOfDamagedFiles ends, and answers a level that there is.
func TestISALevelOfDamagedFiles(t *testing.T) {
	whole := program(note(gnuOwner, 3, make([]byte, 24)), levels(4))
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		damaged := []byte(whole)[:1+random.IntN(len(whole))]
		for range round % 4 {
			damaged[random.IntN(len(damaged))] = byte(random.Uint32())
		}
		if got := levelOf(t, file("bin/sh", string(damaged))); got < 0 || got > 4 {
			t.Fatalf("level %d of %q", got, damaged)
		}
	}
}
