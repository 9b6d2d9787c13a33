package tree

import (
	"errors"

	"golang.org/x/sys/unix"
)

// applyOne makes one change and notes how to undo it.
func (e *edit) applyOne(cursor *cursor, one *change) error {
	switch one.Op {
	case editDelete:
		return e.applyDelete(cursor, one)
	case editMode:
		return e.applyMode(cursor, one)
	default:
		return e.applyNew(cursor, one)
	}
}

// applyNew puts a file or a link in its place. What was there takes the new
// one's place on the stage, so that it can come back.
func (e *edit) applyNew(cursor *cursor, one *change) error {
	if err := e.complete(one); err != nil {
		return err
	}
	above, name := split([]byte(one.Path))
	directory, err := cursor.make(above, func(parent int, path []byte) error {
		e.undo.add(undoStep{kind: undoMake, path: string(path)})
		return e.owner.giveParent(parent, path)
	})
	if err != nil {
		return err
	}
	waiting := one.waiting
	flags := uint(unix.RENAME_NOREPLACE)
	if one.existing != nil {
		flags = unix.RENAME_EXCHANGE
	}
	if err := unix.Renameat2(waiting.directory, waiting.name, directory, string(name), flags); err != nil {
		return err
	}
	if one.existing == nil {
		e.undo.add(undoStep{kind: undoNew, path: string(one.Path), waiting: waiting})
		return nil
	}
	e.undo.add(undoStep{kind: undoExchange, path: string(one.Path), waiting: waiting})
	return verifyReplaced(one)
}

// complete gives a new entry all it needs before it is seen.
func (e *edit) complete(one *change) error {
	owner, mode := e.owner, uint32(fileModeDefault)
	if one.existing != nil && kindOf(one.existing.Mode) == typeFile {
		owner, mode = ownerOf(one.existing), one.existing.Mode&modeMax
	}
	if one.mode != nil {
		mode = *one.mode
	}
	if one.Op == editSymlink {
		waiting := &draft{e.stage, e.tree.stage.newName(), -1}
		if err := unix.Symlinkat(string(one.Target), waiting.directory, waiting.name); err != nil {
			return err
		}
		one.waiting = waiting
		return e.owner.give(waiting.directory, waiting.name)
	}
	if err := owner.give(one.waiting.directory, one.waiting.name); err != nil {
		return err
	}
	// The stage is nobody else's: the name cannot have become a link.
	return unix.Fchmodat(one.waiting.directory, one.waiting.name, mode, 0)
}

// verifyReplaced makes sure that what left is what was checked: commands do not wait for us.
func verifyReplaced(one *change) error {
	status, err := statFile(one.waiting.directory, one.waiting.name)
	if err == nil && !isSameFile(&status, one.existing) {
		err = errChanging
	}
	return err
}

func (e *edit) applyDelete(cursor *cursor, one *change) error {
	above, name := split([]byte(one.Path))
	directory, err := cursor.enter(above)
	if err != nil {
		return err
	}
	one.waiting = &draft{e.stage, e.tree.stage.newName(), -1}
	if err := unix.Renameat2(directory, string(name), e.stage, one.waiting.name, unix.RENAME_NOREPLACE); err != nil {
		return err
	}
	e.undo.add(undoStep{kind: undoDelete, path: string(one.Path), waiting: one.waiting})
	if err := verifyReplaced(one); err != nil {
		return err
	}
	return e.removeEmpty(cursor, above)
}

// removeEmpty removes the directories a delete left without entries.
func (e *edit) removeEmpty(cursor *cursor, path []byte) error {
	for len(path) > 0 {
		above, name := split(path)
		directory, err := cursor.enter(above)
		if err != nil {
			return err
		}
		status, err := statFile(directory, string(name))
		if err != nil {
			return err
		}
		err = unix.Unlinkat(directory, string(name), unix.AT_REMOVEDIR)
		if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EBUSY) || isForbidden(err) {
			return nil
		}
		if err != nil {
			return err
		}
		e.undo.add(undoStep{kind: undoRemove, path: string(path), status: status})
		path = above
	}
	return nil
}

func (e *edit) applyMode(cursor *cursor, one *change) error {
	above, name := split([]byte(one.Path))
	directory, err := cursor.enter(above)
	if err != nil {
		return err
	}
	descriptor, err := openSame(directory, string(name), one.existing)
	if err != nil {
		return err
	}
	defer unix.Close(descriptor)
	if err := unix.Fchmod(descriptor, *one.mode); err != nil {
		return err
	}
	e.undo.add(undoStep{kind: undoMode, path: string(one.Path), status: *one.existing})
	return unix.Fsync(descriptor)
}
