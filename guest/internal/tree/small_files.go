package tree

import (
	"bytes"
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/uring"
)

const (
	// smallFilesMax are open at a time.
	smallFilesMax = 64
	// smallFileBytesMax is the largest file that is read in one piece.
	smallFileBytesMax = 256 << 10
	// smallOutputBytes is the buffer of a tree that turned out to be large: the more is read together, the fewer requests to the disk.
	smallOutputBytes = 1 << 20
	// togetherMin are worth the ring that is made for them.
	togetherMin = 8
)

// smallFiles reads files together: each has its place in the output from the moment its record is written, and all
// places are filled when the output is due.
type smallFiles struct {
	*output
	placed []placedFile
	reads  []uring.Read
	ring   *uring.Ring
	// hasNoRing has the files read one by one, as what a ring did not bring of one is anyway.
	hasNoRing bool
}

// placedFile is open.
type placedFile struct {
	path       []byte
	descriptor int
	// status is what was said of the file in its record.
	status unix.Stat_t
	// at is where the content begins in the output.
	at int
}

func newSmallFiles(to *output) *smallFiles {
	made := &smallFiles{output: to}
	to.complete = made.fill
	return made
}

// take keeps the descriptor of a file whose record was just written, and a place for its content. A file that is large
// or has holes it leaves to others.
func (s *smallFiles) take(path []byte, descriptor int, status *unix.Stat_t) (isTaken bool, err error) {
	if status.Size == 0 || status.Size > smallFileBytesMax || isSparse(status) {
		return false, nil
	}
	size := int(status.Size)
	if s.room() < dataHeaderBytes+size+contentEndBytes {
		s.bufferBytes = smallOutputBytes
		err = s.flush()
	} else if len(s.placed) == smallFilesMax {
		err = s.fill()
	}
	if err != nil {
		return false, err
	}
	s.buffer = appendDataHeader(s.buffer, size)
	s.placed = append(s.placed, placedFile{bytes.Clone(path), descriptor, *status, len(s.buffer)})
	s.buffer = appendContentEnd(s.buffer[:len(s.buffer)+size], false)
	return true, nil
}

// content is the file's place in the output.
func (s *smallFiles) content(file *placedFile) []byte {
	return s.buffer[file.at : file.at+int(file.status.Size)]
}

// fill reads what was placed.
func (s *smallFiles) fill() error {
	if len(s.placed) == 0 {
		return nil
	}
	if len(s.buffer) > outputBytes/2 {
		s.bufferBytes = smallOutputBytes
	}
	s.readTogether()
	for index := range s.placed {
		file := &s.placed[index]
		if err := s.readRest(file, s.reads[index].Count); err != nil {
			return explain(file.path, err)
		}
	}
	s.forget()
	return nil
}

// readTogether reads in the order of inodes, which is nearly that of the contents on the disk.
func (s *smallFiles) readTogether() {
	slices.SortFunc(s.placed, func(a, b placedFile) int { return cmp.Compare(a.status.Ino, b.status.Ino) })
	s.reads = s.reads[:0]
	for index := range s.placed {
		file := &s.placed[index]
		s.reads = append(s.reads, uring.Read{Descriptor: file.descriptor, Into: s.content(file)})
	}
	if s.hasRing() && s.ring.ReadAll(s.reads) != nil {
		s.hasNoRing = true
	}
}

// hasRing makes the ring when there is reason to.
func (s *smallFiles) hasRing() bool {
	if s.ring == nil && !s.hasNoRing && len(s.placed) >= togetherMin {
		ring, err := uring.New(smallFilesMax)
		s.ring, s.hasNoRing = ring, err != nil
	}
	return s.ring != nil && !s.hasNoRing
}

// readRest reads what is missing after the first so many bytes. What the file no longer has are zeros.
func (s *smallFiles) readRest(file *placedFile, count int) error {
	content := s.content(file)
	for count < len(content) {
		n, err := unix.Pread(file.descriptor, content[count:], int64(count))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			clear(content[count:])
			break
		}
		count += n
	}
	if hasChanged(file.descriptor, &file.status) {
		appendContentEnd(content, true)
	}
	return nil
}

// forget closes all that was placed.
func (s *smallFiles) forget() {
	for _, file := range s.placed {
		_ = unix.Close(file.descriptor)
	}
	s.placed = s.placed[:0]
}

// close gives back what an error left as well.
func (s *smallFiles) close() {
	s.forget()
	if s.ring != nil {
		s.ring.Close()
	}
}
