package uring

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func newRing(t *testing.T, readsMax int) *Ring {
	t.Helper()
	ring, err := New(readsMax)
	if err != nil {
		t.Skipf("no rings here: %v", err)
	}
	t.Cleanup(ring.Close)
	return ring
}

func openFile(t *testing.T, content []byte) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	descriptor, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(descriptor) })
	return descriptor
}

// TestReadAll goes around the ring many times, with fewer reads than it has room for and with as many.
func TestReadAll(t *testing.T) {
	ring := newRing(t, 8)
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	for round := range 50 {
		reads := make([]Read, 1+round%8)
		for index := range reads {
			// The last bytes asked for are more than there are.
			reads[index] = Read{Descriptor: openFile(t, content[:1000*index]), Into: make([]byte, 1000*index+index%2)}
		}
		if err := ring.ReadAll(reads); err != nil {
			t.Fatal(err)
		}
		for index, read := range reads {
			if read.Count != 1000*index || !bytes.Equal(read.Into[:read.Count], content[:read.Count]) {
				t.Errorf("round %d, file %d: %d bytes", round, index, read.Count)
			}
		}
	}
}

func TestReadAllOfWhatCannotBeRead(t *testing.T) {
	ring := newRing(t, 8)
	directory, err := unix.Open(t.TempDir(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(directory)
	for range 10 {
		into := func() []byte { return make([]byte, 10) }
		reads := []Read{{Descriptor: directory, Into: into()}, {Descriptor: -1, Into: into()}, {Descriptor: 1 << 20, Into: into()},
			{Descriptor: openFile(t, []byte("content")), Into: into()}}
		if err := ring.ReadAll(reads); err != nil {
			t.Fatal(err)
		}
		if reads[0].Count != 0 || reads[1].Count != 0 || reads[2].Count != 0 || string(reads[3].Into[:reads[3].Count]) != "content" {
			t.Errorf("got %v", reads)
		}
	}
}
