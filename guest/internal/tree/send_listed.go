package tree

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// archiveListed sends the entries a list of paths names, each ended by NUL, as far as they exist.
func (t *Tree) archiveListed(ctx context.Context, archive *archive, path []byte, list io.Reader) error {
	top, err := openBelow(t.root, string(path), unix.O_PATH|unix.O_DIRECTORY, strictly)
	if err != nil {
		return explain(path, err)
	}
	defer unix.Close(top)
	cursor := &cursor{root: top}
	defer cursor.close()
	paths := newInput(list)
	for {
		hasEnded, err := paths.hasEnded()
		if err != nil || hasEnded {
			return err
		}
		wanted, err := paths.takeText(pathBytesMax, "a path of the list")
		if err != nil {
			return err
		}
		if len(wanted) == 0 {
			return protocol.Fail(protocol.CodeBadRequest, "the list has an empty path")
		}
		if err := CheckPath(wanted); err != nil {
			return err
		}
		if err := archive.sendListed(ctx, cursor, wanted); err != nil {
			return err
		}
	}
}

func (a *archive) sendListed(ctx context.Context, cursor *cursor, wanted []byte) error {
	above, name := split(wanted)
	directory, err := cursor.enter(above)
	if err != nil {
		if hasVanished(err) {
			return nil
		}
		return explain(wanted, err)
	}
	descriptor, err := a.visit(ctx, found{directory: directory, name: string(name), path: wanted})
	if descriptor >= 0 {
		_ = unix.Close(descriptor)
	}
	// A name longer than any can be names nothing.
	if errors.Is(err, unix.ENAMETOOLONG) {
		return nil
	}
	return err
}
