package command

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipes are a command's three; the command's ends block, the agent's do not.
type pipes struct {
	childEnds [3]int
	// stdin is nil where the command has no input.
	stdin, stdout, errs *os.File
}

func openPipes(hasInput bool) (*pipes, error) {
	opened := &pipes{childEnds: [3]int{-1, -1, -1}}
	var err error
	if opened.childEnds[0], opened.stdin, err = openInput(hasInput); err != nil {
		return nil, err
	}
	if opened.childEnds[1], opened.stdout, err = openPipe(true); err != nil {
		opened.close()
		return nil, err
	}
	if opened.childEnds[2], opened.errs, err = openPipe(true); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

// openInput answers a pipe, or /dev/null: many programs read a pipe that is their
// input instead of what they were started for.
func openInput(hasInput bool) (child int, ours *os.File, err error) {
	if hasInput {
		return openPipe(false)
	}
	child, err = unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	return child, nil, nil
}

func openPipe(childWrites bool) (child int, ours *os.File, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, nil, os.NewSyscallError("pipe2", err)
	}
	child, own := ends[0], ends[1]
	if childWrites {
		child, own = own, child
	}
	// Only the agent's end: the flag belongs to an end, and programs expect theirs to block.
	_ = unix.SetNonblock(own, true)
	return child, os.NewFile(uintptr(own), "pipe"), nil
}

func (p *pipes) closeChildEnds() {
	for i, descriptor := range p.childEnds {
		if descriptor >= 0 {
			_ = unix.Close(descriptor)
			p.childEnds[i] = -1
		}
	}
}

func (p *pipes) close() {
	p.closeChildEnds()
	for _, file := range []*os.File{p.stdin, p.stdout, p.errs} {
		if file != nil {
			file.Close()
		}
	}
}
