package tree

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// Edited is the answer of POST /v1/tree/edit.
type Edited struct {
	OperationCount int `json:"operation_count"`
}

// Edit makes all changes of a request or none.
func (t *Tree) Edit(ctx context.Context, from io.Reader) (Edited, error) {
	body := newInput(from)
	request, err := readEdit(body)
	if err != nil {
		return Edited{}, err
	}
	directory, err := t.stage.enter()
	if err != nil {
		return Edited{}, err
	}
	defer t.stage.leave()
	work := &edit{ctx: ctx, tree: t, stage: directory, changes: make([]change, len(request.Operations)), isFlushed: map[string]bool{}}
	defer work.discard()
	if work.owner, err = t.owner(); err != nil {
		return Edited{}, err
	}
	for i := range request.Operations {
		work.changes[i].operation = &request.Operations[i]
	}
	if err := work.receive(body); err != nil {
		return Edited{}, err
	}
	t.changes.Lock()
	defer t.changes.Unlock()
	if err := work.check(); err != nil {
		return Edited{}, err
	}
	return Edited{len(request.Operations)}, work.apply()
}

// edit is one edit at work.
type edit struct {
	ctx     context.Context
	tree    *Tree
	owner   owner
	stage   int
	changes []change
	undo    undoLog
	// isFlushed knows the directories whose names are on the disk.
	isFlushed map[string]bool
}

// change is one operation on its way.
type change struct {
	*operation
	// waiting is what will be put in place; after that, what was there. Nil for a change of mode.
	waiting *draft
	// existing is what was found in its place, nil for nothing.
	existing *unix.Stat_t
}

// receive puts every new content on the stage.
func (e *edit) receive(body *input) error {
	for i := range e.changes {
		one := &e.changes[i]
		if one.Op != editWrite {
			continue
		}
		made, err := e.tree.stage.newFile(e.stage)
		if err != nil {
			return explain([]byte(one.Path), err)
		}
		one.waiting = made
		writer := contentWriter{input: body, descriptor: made.descriptor}
		for left := *one.Size; left > 0; left = *one.Size - writer.offset {
			if err := e.ctx.Err(); err != nil {
				return err
			}
			if err := writer.data(min(left, writeBytes)); err != nil {
				return explain([]byte(one.Path), err)
			}
		}
		// Thousands of files must not need thousands of descriptors.
		if err := unix.Fsync(made.descriptor); err != nil {
			return explain([]byte(one.Path), err)
		}
		made.closeFile()
	}
	hasEnded, err := body.hasEnded()
	if err == nil && !hasEnded {
		err = protocol.Fail(protocol.CodeBadRequest, "more content follows than the operations have sizes for")
	}
	return err
}

// discard removes what waits on the stage, be it new or replaced.
func (e *edit) discard() {
	for i := range e.changes {
		if waiting := e.changes[i].waiting; waiting != nil {
			waiting.discard()
		}
	}
}

// apply puts everything in its place; when a step fails, those before it are undone.
func (e *edit) apply() error {
	cursor := &cursor{root: e.tree.root}
	defer cursor.close()
	for i := range e.changes {
		err := e.ctx.Err()
		if err == nil {
			err = e.applyOne(cursor, &e.changes[i])
		}
		if err != nil {
			return e.takeBack(cursor, e.changes[i].Path, err)
		}
	}
	for i := range e.changes {
		if err := e.flush(cursor, []byte(e.changes[i].Path)); err != nil {
			return e.takeBack(cursor, e.changes[i].Path, err)
		}
	}
	return nil
}

func (e *edit) takeBack(cursor *cursor, path protocol.Text, err error) error {
	cursor.close()
	e.undo.run(e.tree.root)
	return explain([]byte(path), err)
}

// flush makes a changed name survive the machine's end. A directory that went with its last entry is a change of the one above.
func (e *edit) flush(cursor *cursor, path []byte) error {
	for {
		above, _ := split(path)
		if e.isFlushed[string(above)] {
			return nil
		}
		directory, err := cursor.enter(above)
		if err != nil && hasVanished(err) && len(above) > 0 {
			path = above
			continue
		}
		if err == nil {
			e.isFlushed[string(above)] = true
			err = flushDirectory(directory)
		}
		return err
	}
}
