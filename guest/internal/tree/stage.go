package tree

import (
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// stage is the directory new files wait in, out of the tree's sight but on its
// mount. It exists while somebody uses it.
type stage struct {
	parent int
	name   string

	mutex      sync.Mutex
	descriptor int
	userCount  int
	namesMade  uint64
}

// enter answers the stage's descriptor; leave is due afterwards.
func (s *stage) enter() (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.userCount == 0 {
		descriptor, err := makeStage(s.parent, s.name)
		if err != nil {
			code := protocol.CodeInternal
			if isFull(err) {
				code = protocol.CodeNoSpace
			}
			return -1, protocol.Fail(code, "make a place for new files: %v", err)
		}
		s.descriptor = descriptor
	}
	s.userCount++
	return s.descriptor, nil
}

func makeStage(parent int, name string) (int, error) {
	if err := unix.Mkdirat(parent, name, 0o700); err != nil && err != unix.EEXIST {
		return -1, err
	}
	return openBelow(parent, name, unix.O_PATH|unix.O_DIRECTORY, strictly)
}

func (s *stage) leave() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.userCount--
	if s.userCount > 0 {
		return
	}
	_ = unix.Close(s.descriptor)
	s.descriptor = -1
	_ = unix.Unlinkat(s.parent, s.name, unix.AT_REMOVEDIR)
}

// newName is one nobody else in this process uses.
func (s *stage) newName() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.namesMade++
	return strconv.FormatUint(s.namesMade, 10)
}

// draft is an entry on its way into the tree.
type draft struct {
	directory int
	name      string
	// descriptor of a file, -1 for anything else.
	descriptor int
}

// newFile makes an empty file that nobody else can open yet.
func (s *stage) newFile(directory int) (*draft, error) {
	name := s.newName()
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	descriptor, err := unix.Openat(directory, name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &draft{directory, name, descriptor}, nil
}

func (d *draft) closeFile() {
	if d.descriptor >= 0 {
		_ = unix.Close(d.descriptor)
		d.descriptor = -1
	}
}

// discard removes what did not get where it should.
func (d *draft) discard() {
	d.closeFile()
	_ = unix.Unlinkat(d.directory, d.name, 0)
}
