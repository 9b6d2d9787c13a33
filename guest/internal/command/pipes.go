package command

import (
	"os"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/outputs"
	"pyro.dev/guest/internal/protocol"
)

// pipes are a command's three; the command's ends block, the agent's do not.
type pipes struct {
	childEnds [3]int
	// stdin is nil where the command has no input.
	stdin   *os.File
	outputs *outputs.Reader
}

func openPipes(hasInput bool) (*pipes, error) {
	reader, err := outputs.NewReader()
	if err != nil {
		return nil, err
	}
	opened := &pipes{childEnds: [3]int{-1, -1, -1}, outputs: reader}
	if err := opened.open(hasInput); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

func (p *pipes) open(hasInput bool) (err error) {
	if p.childEnds[0], p.stdin, err = openInput(hasInput); err != nil {
		return err
	}
	for i, kind := range []protocol.FrameKind{protocol.FrameOutput, protocol.FrameError} {
		var own *os.File
		if p.childEnds[1+i], own, err = openPipe(true); err != nil {
			return err
		}
		if err = p.outputs.Add(kind, own); err != nil {
			return err
		}
	}
	return nil
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

func (p *pipes) closeChildInput() { p.closeChildEnd(0) }

func (p *pipes) closeChildEnds() {
	for i := range p.childEnds {
		p.closeChildEnd(i)
	}
}

func (p *pipes) closeChildEnd(i int) {
	if p.childEnds[i] >= 0 {
		_ = unix.Close(p.childEnds[i])
		p.childEnds[i] = -1
	}
}

func (p *pipes) close() {
	p.closeChildEnds()
	p.outputs.Close()
	if p.stdin != nil {
		p.stdin.Close()
	}
}
