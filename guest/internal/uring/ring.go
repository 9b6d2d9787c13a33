// Package uring reads the beginnings of many files at once, by the kernel's io_uring. All reads of a call begin
// together, so that the kernel merges those that lie side by side on the disk into few requests to it: under
// emulation a request costs the same however many bytes it brings.
package uring

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is the beginning of one file.
type Read struct {
	Descriptor int
	// Into is memory of the heap, which never moves.
	Into []byte
	// Count is how many bytes came, 0 where none could be had.
	Count int
}

// Ring is used by one goroutine at a time.
type Ring struct {
	descriptor int
	layout     parameters
	// shared is the memory of both rings, entries that of what is submitted.
	shared, entries []byte
}

// New makes a ring for so many reads at once, a power of two. It fails where the kernel has none, or none for us.
func New(readsMax int) (*Ring, error) {
	made := &Ring{descriptor: -1}
	descriptor, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(readsMax), uintptr(unsafe.Pointer(&made.layout)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	made.descriptor = int(descriptor)
	if err := made.mapMemory(); err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}

func (r *Ring) mapMemory() (err error) {
	layout := &r.layout
	if layout.features&featureSingleMap == 0 {
		return errors.New("io_uring: the rings lie apart")
	}
	const protection, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	bytes := max(layout.submission.array+layout.submissionEntries*4, layout.completion.entriesAt+layout.completionEntries*completionBytes)
	if r.shared, err = unix.Mmap(r.descriptor, 0, int(bytes), protection, flags); err != nil {
		return fmt.Errorf("io_uring: map the rings: %w", err)
	}
	if r.entries, err = unix.Mmap(r.descriptor, entriesPlace, int(layout.submissionEntries)*submissionBytes, protection, flags); err != nil {
		return fmt.Errorf("io_uring: map the entries: %w", err)
	}
	for index := range layout.submissionEntries {
		*r.word(layout.submission.array + index*4) = index
	}
	return nil
}

// Close is due when no reads are under way.
func (r *Ring) Close() {
	for _, mapped := range [][]byte{r.entries, r.shared} {
		if mapped != nil {
			_ = unix.Munmap(mapped)
		}
	}
	_ = unix.Close(r.descriptor)
}

// ReadAll does the reads, no more of them than the ring was made for. None is under way any more when it answers.
// After an error the ring is of no further use.
func (r *Ring) ReadAll(reads []Read) error {
	for index := range reads {
		read := &reads[index]
		read.Count = 0
		r.push(uint32(index), submission{
			opcode: opcodeRead, descriptor: int32(read.Descriptor), userData: uint64(index),
			address: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(read.Into)))), length: uint32(len(read.Into)),
		})
	}
	atomic.AddUint32(r.word(r.layout.submission.tail), uint32(len(reads)))
	begun, err := r.submit(uint32(len(reads)))
	r.await(begun, reads)
	// Until now the kernel wrote where nothing else says that it is in use.
	runtime.KeepAlive(reads)
	return err
}

func (r *Ring) push(position uint32, one submission) {
	at := (*r.word(r.layout.submission.tail) + position) & (r.layout.submissionEntries - 1)
	*(*submission)(unsafe.Pointer(&r.entries[at*submissionBytes])) = one
}

// submit answers how many reads were begun; one that is refused counts, and has its answer.
func (r *Ring) submit(count uint32) (begun uint32, err error) {
	for begun < count {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.descriptor), uintptr(count-begun), uintptr(count-begun), enterGetEvents, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno == 0 && n == 0 {
			errno = unix.EIO
		}
		if errno != 0 {
			return begun, fmt.Errorf("io_uring_enter: %w", errno)
		}
		begun += uint32(n)
	}
	return begun, nil
}

// await takes the answers of all reads that were begun: before, their memory is not ours again.
func (r *Ring) await(begun uint32, reads []Read) {
	for begun > 0 {
		head, tail := r.word(r.layout.completion.head), atomic.LoadUint32(r.word(r.layout.completion.tail))
		if *head == tail {
			_, _, _ = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.descriptor), 0, 1, enterGetEvents, 0, 0)
			continue
		}
		for at := *head; at != tail; at++ {
			place := r.layout.completion.entriesAt + (at&(r.layout.completionEntries-1))*completionBytes
			one := (*completion)(unsafe.Pointer(&r.shared[place]))
			reads[one.userData].Count = int(max(one.result, 0))
			begun--
		}
		atomic.StoreUint32(head, tail)
	}
}

func (r *Ring) word(at uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&r.shared[at]))
}
