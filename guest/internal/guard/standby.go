package guard

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A standby is a machine that waits for somebody to claim it. We stand in the
// directory of its sockets, which goes with it wherever that is renamed to:
//
//	ROOT/ready/NAME/sockets            nobody has it
//	ROOT/held/ID.PID.TICKS/sockets     this process has it, and nobody else
//	anywhere else                      it is somebody's machine, guarded by the terms in there
//
// Renaming is how it is claimed: by whoever wants it, and by us before we end it,
// so that nobody is given a machine that is about to end.
const (
	// placeInterval is how soon we see that it was claimed, or that whoever has it is gone.
	placeInterval = 250 * time.Millisecond
	// hostInterval is the time between two looks at the host's memory and disk.
	hostInterval = 2 * time.Second
	readyName    = "ready"
	heldName     = "held"
	// termsName is the file that says what is to hold once the machine is somebody's.
	termsName = "terms"
)

type standby struct {
	*options
	pins []pin
	// readySince is zero while somebody has it.
	readySince time.Duration
	lookedAt   time.Duration
}

// pin is a file that must be there as it was.
type pin struct {
	path  string
	first os.FileInfo
}

func newStandby(o *options) (*standby, error) {
	s := &standby{options: o}
	for _, path := range o.pins {
		first, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		s.pins = append(s.pins, pin{path, first})
	}
	return s, os.Chdir(o.place)
}

// watch returns the status of a machine that has ended, or the terms by which it goes on.
func (s *standby) watch(m *machine, signals <-chan os.Signal) (status int, terms *options) {
	ticker := time.NewTicker(placeInterval)
	defer ticker.Stop()
	for {
		select {
		case status := <-m.ended:
			s.remove()
			return status, nil
		case <-signals:
			m.signal(unix.SIGTERM)
		case <-ticker.C:
			goesOn, terms := s.look()
			if terms != nil {
				return 0, terms
			}
			if !goesOn {
				m.end()
				s.remove()
				return endedByGuard, nil
			}
		}
	}
}

func (s *standby) look() (goesOn bool, terms *options) {
	directory, isThere := s.directory()
	if !isThere {
		return false, nil
	}
	switch filepath.Dir(directory) {
	case filepath.Join(s.root, heldName):
		s.readySince = 0
		return isHolding(filepath.Base(directory)), nil
	case filepath.Join(s.root, readyName):
		return !s.isUnwanted() || !s.withdraw(directory), nil
	}
	terms = s.readTerms()
	return terms != nil, terms
}

// directory is the standby's own, with the sockets in it.
func (s *standby) directory() (string, bool) {
	var found unix.Stat_t
	if unix.Stat(".", &found) != nil || found.Nlink == 0 {
		return "", false
	}
	sockets, err := os.Readlink("/proc/self/cwd")
	return filepath.Dir(sockets), err == nil
}

func (s *standby) isUnwanted() bool {
	now := sinceBoot()
	if s.readySince == 0 {
		s.readySince = now
	}
	// The laptop's sleep counts: nobody wanted it then either.
	if now-s.readySince >= s.idleMax || !s.arePinsIntact() {
		return true
	}
	if s.lookedAt != 0 && now-s.lookedAt < hostInterval {
		return false
	}
	s.lookedAt = now
	return isMemoryShort(s.memoryFloor) || isDiskShort(s.diskFloor)
}

func (s *standby) arePinsIntact() bool {
	for _, pin := range s.pins {
		found, err := os.Stat(pin.path)
		if err != nil || !os.SameFile(found, pin.first) || !found.ModTime().Equal(pin.first.ModTime()) {
			return false
		}
	}
	return true
}

// withdraw claims the machine for ourselves; false when somebody else was faster.
func (s *standby) withdraw(directory string) bool {
	return os.Rename(directory, filepath.Join(s.root, heldName, heldBy(filepath.Base(directory), os.Getpid()))) == nil
}

// remove takes away what is left of a machine that nobody has taken anywhere.
func (s *standby) remove() {
	directory, isThere := s.directory()
	if !isThere {
		return
	}
	if filepath.Dir(directory) == filepath.Join(s.root, readyName) && s.withdraw(directory) {
		directory, isThere = s.directory()
	}
	if isThere && filepath.Dir(directory) == filepath.Join(s.root, heldName) {
		_ = os.RemoveAll(directory)
	} else {
		s.readTerms()
	}
}

// readTerms is nil where nobody has left any. With them, the machine is no standby any more: what is left of that goes.
func (s *standby) readTerms() *options {
	text, err := os.ReadFile(termsName)
	if err != nil {
		return nil
	}
	terms := &options{}
	if terms.parse(strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")) != nil {
		return nil
	}
	if filepath.Dir(terms.former) == filepath.Join(s.root, heldName) {
		_ = os.RemoveAll(terms.former)
	}
	return terms
}
