package tree

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
	"pyro.dev/guest/internal/trash"
)

// namesAdoptedBytesMax bounds what is remembered of the entries that may stay.
const namesAdoptedBytesMax = 64 << 20

// Adopt makes a tree that came with the disk the one that is described: records
// without content, for everything that may stay. What is not described goes; what
// is described must be there.
func (t *Tree) Adopt(ctx context.Context, from io.Reader) (Extracted, error) {
	owner, err := t.owner()
	if err != nil {
		return Extracted{}, err
	}
	adoption := &adoption{
		receive: receive{
			ctx: ctx, tree: t, owner: owner,
			records: records{input: newInput(from)},
			cursor:  cursor{root: t.root},
		},
		described: map[string]struct{}{},
	}
	defer adoption.close()
	if err := adoption.run(); err != nil {
		return Extracted{}, err
	}
	return Extracted{EntryCount: adoption.count, Bytes: adoption.bytes}, nil
}

type adoption struct {
	receive
	described  map[string]struct{}
	namesBytes int
}

func (a *adoption) run() error {
	for {
		one, err := a.next()
		if err != nil {
			return err
		}
		if one == nil {
			break
		}
		if err := a.ctx.Err(); err != nil {
			return err
		}
		if err := a.place(one); err != nil {
			return err
		}
		if err := a.remember(); err != nil {
			return err
		}
		if err := a.adopt(one); err != nil {
			return explain(a.path, err)
		}
	}
	if err := a.removeOthers(); err != nil {
		return err
	}
	return a.finish()
}

func (a *adoption) remember() error {
	const overhead = 48
	if a.namesBytes += len(a.path) + overhead; a.namesBytes > namesAdoptedBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the names of the tree take more than %d bytes", namesAdoptedBytesMax)
	}
	a.described[string(a.path)] = struct{}{}
	return nil
}

func (a *adoption) adopt(one *record) error {
	if one.kind == typeDirectory {
		directory, err := a.cursor.enter(a.path)
		if err != nil {
			return err
		}
		return a.merge(directory, one)
	}
	above, last := split(a.path)
	directory, err := a.cursor.enter(above)
	if err != nil {
		return err
	}
	name := string(last)
	status, err := statFile(directory, name)
	if err != nil {
		return err
	}
	if one.kind == typeFurtherName {
		return a.require(kindOf(status.Mode) == typeFile)
	}
	if err := a.require(kindOf(status.Mode) == one.kind && (one.kind != typeFile || status.Size == one.size)); err != nil {
		return err
	}
	a.bytes += one.size
	return a.describe(directory, name, one, &status)
}

// describe gives an entry the owner, the mode and the time it should have.
func (a *adoption) describe(directory int, name string, one *record, status *unix.Stat_t) error {
	isGiven := a.owner.isGiven && status.Uid == a.owner.uid && status.Gid == a.owner.gid
	if !isGiven {
		if err := unix.Fchownat(directory, name, int(a.owner.uid), int(a.owner.gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	// Whoever gives a file away takes its special bits.
	if one.kind == typeFile && (!isGiven || status.Mode&modeMax != one.mode) {
		if err := unix.Fchmodat(directory, name, one.mode, 0); err != nil {
			return err
		}
	}
	times := []unix.Timespec{timespec(one.modifiedNs), timespec(one.modifiedNs)}
	return unix.UtimesNanoAt(directory, name, times, unix.AT_SYMLINK_NOFOLLOW)
}

func (a *adoption) require(isAsDescribed bool) error {
	if isAsDescribed {
		return nil
	}
	return protocol.Fail(protocol.CodeConflict, "%s is not what was described", quote(a.path))
}

// removeOthers leaves only what was described.
func (a *adoption) removeOthers() error {
	directory, err := openBelow(a.tree.root, "", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, strictly)
	if err != nil {
		return explain(nil, err)
	}
	walk := &walk{visitor: remover{a.described}, hidden: a.tree.hidden}
	return walk.run(a.ctx, directory)
}

// remover removes what is not in its set.
type remover struct{ kept map[string]struct{} }

func (r remover) visit(ctx context.Context, entry found) (int, error) {
	_, isKept := r.kept[string(entry.path)]
	switch {
	case !isKept && entry.hint == unix.DT_DIR:
		return -1, trash.Remove(ctx, entry.directory, entry.name)
	case !isKept:
		return -1, explain(entry.path, unix.Unlinkat(entry.directory, entry.name, 0))
	case entry.hint == unix.DT_DIR:
		const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
		directory, err := openBelow(entry.directory, entry.name, flags, strictly)
		return directory, explain(entry.path, err)
	}
	return -1, nil
}
