package tree

import (
	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/console"
)

// The kinds of steps that are undone.
type undoKind int

const (
	// undoMake: a directory was made.
	undoMake undoKind = iota
	// undoRemove: an empty directory was removed.
	undoRemove
	// undoNew: something was put where nothing was.
	undoNew
	// undoExchange: something took the place of what now is on the stage.
	undoExchange
	// undoDelete: something was moved to the stage.
	undoDelete
	// undoMode: a file got another mode.
	undoMode
)

type undoStep struct {
	kind    undoKind
	path    string
	waiting *draft
	// status of a removed directory, or of a file before it got another mode.
	status unix.Stat_t
}

// undoLog is what an edit has done so far.
type undoLog struct{ steps []undoStep }

func (u *undoLog) add(one undoStep) { u.steps = append(u.steps, one) }

// run undoes everything, the latest first. A step that somebody else made
// impossible is passed over: the others are worth undoing all the same.
func (u *undoLog) run(root int) {
	cursor := &cursor{root: root}
	defer cursor.close()
	for i := len(u.steps) - 1; i >= 0; i-- {
		if err := u.steps[i].undo(cursor); err != nil {
			console.Say("undo of %s: %v", quote([]byte(u.steps[i].path)), err)
		}
	}
}

func (u *undoStep) undo(cursor *cursor) error {
	above, name := split([]byte(u.path))
	directory, err := cursor.enter(above)
	if err != nil {
		return err
	}
	switch u.kind {
	case undoMake:
		return unix.Unlinkat(directory, string(name), unix.AT_REMOVEDIR)
	case undoRemove:
		return u.makeAgain(directory, string(name))
	case undoNew:
		return unix.Renameat2(directory, string(name), u.waiting.directory, u.waiting.name, unix.RENAME_NOREPLACE)
	case undoExchange:
		return unix.Renameat2(u.waiting.directory, u.waiting.name, directory, string(name), unix.RENAME_EXCHANGE)
	case undoDelete:
		return unix.Renameat2(u.waiting.directory, u.waiting.name, directory, string(name), unix.RENAME_NOREPLACE)
	case undoMode:
		return u.restoreMode(directory, string(name))
	}
	panic("tree: unknown undo step")
}

func (u *undoStep) makeAgain(directory int, name string) error {
	if err := unix.Mkdirat(directory, name, ownerBits); err != nil {
		return err
	}
	descriptor, err := unix.Openat(directory, name, openEntry|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(descriptor)
	if err := ownerOf(&u.status).giveFile(descriptor); err != nil {
		return err
	}
	return unix.Fchmod(descriptor, u.status.Mode&modeMax)
}

func (u *undoStep) restoreMode(directory int, name string) error {
	descriptor, err := unix.Openat(directory, name, openEntry, 0)
	if err != nil {
		return err
	}
	defer unix.Close(descriptor)
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		return err
	}
	if status.Ino != u.status.Ino {
		return unix.ESTALE
	}
	return unix.Fchmod(descriptor, u.status.Mode&modeMax)
}
