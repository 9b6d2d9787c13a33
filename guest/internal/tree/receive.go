package tree

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// Extracted is the answer of POST /v1/tree/extract.
type Extracted struct {
	EntryCount int64 `json:"entry_count"`
	// Bytes of files, holes included.
	Bytes int64 `json:"bytes"`
	// Mark is nanoseconds since 1970, in decimal.
	Mark string `json:"mark"`
}

// Extract applies a tree stream below a path. What was applied before a failure stays.
func (t *Tree) Extract(ctx context.Context, path []byte, from io.Reader) (Extracted, error) {
	owner, err := t.owner()
	if err != nil {
		return Extracted{}, err
	}
	receive := &receive{
		ctx: ctx, tree: t, owner: owner,
		records: records{input: newInput(from)},
		top:     path,
		cursor:  cursor{root: t.root},
		umask:   umask(),
	}
	defer receive.close()
	if err := receive.run(); err != nil {
		return Extracted{}, err
	}
	// What was acknowledged survives the machine's end: all at once, since each file by itself would take for ever.
	if t.ownsDisk {
		if err := unix.Syncfs(t.root); err != nil {
			return Extracted{}, explain(path, err)
		}
	}
	return Extracted{EntryCount: receive.count, Bytes: receive.bytes}, nil
}

// receive is one stream on its way into the tree.
type receive struct {
	records
	ctx    context.Context
	tree   *Tree
	owner  owner
	umask  uint32
	top    []byte
	cursor cursor
	// path is the current entry's, from the tree's own directory.
	path  []byte
	bytes int64
	times directoryTimes
	// stage is -1 until something has to wait there.
	stage     int
	hasStage  bool
	isOneFile bool
}

func (r *receive) close() {
	r.cursor.close()
	if r.hasStage {
		r.tree.stage.leave()
	}
}

func (r *receive) run() error {
	for {
		one, err := r.next()
		if err != nil {
			return err
		}
		if one == nil {
			return r.finish()
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.place(one); err != nil {
			return err
		}
		if err := r.apply(one); err != nil {
			return explain(r.path, err)
		}
	}
}

// place works out where the entry belongs.
func (r *receive) place(one *record) error {
	if r.isOneFile {
		return malformed("something follows a single file")
	}
	r.path = append(r.path[:0], r.top...)
	if len(one.path) == 0 {
		r.isOneFile = one.kind != typeDirectory
		if r.isOneFile && len(r.top) == 0 {
			return protocol.Fail(protocol.CodeConflict, "the tree's own directory cannot become a file")
		}
		return nil
	}
	if len(r.path) > 0 {
		r.path = append(r.path, '/')
	}
	r.path = append(r.path, one.path...)
	return CheckPath(r.path)
}

func (r *receive) apply(one *record) error {
	switch one.kind {
	case typeDirectory:
		return r.directory(one)
	case typeFile:
		return r.file(one)
	case typeLink:
		return r.link(one)
	case typeFurtherName:
		return r.furtherName(one)
	default:
		return protocol.Fail(protocol.CodeBadRequest, "%s is a device, a fifo or a socket, which are not made", quote(r.path))
	}
}

// parent answers the directory of the current entry, making what is missing.
func (r *receive) parent() (directory int, name string, err error) {
	above, last := split(r.path)
	directory, err = r.cursor.make(above, r.owner.giveParent)
	return directory, string(last), err
}

func (r *receive) enterStage() error {
	if r.hasStage {
		return nil
	}
	descriptor, err := r.tree.stage.enter()
	if err == nil {
		r.stage, r.hasStage = descriptor, true
	}
	return err
}

// furtherName links to an entry this stream brought before.
func (r *receive) furtherName(one *record) error {
	earlier := append([]byte{}, r.top...)
	if len(earlier) > 0 {
		earlier = append(earlier, '/')
	}
	earlier = append(earlier, one.target...)
	above, last := split(earlier)
	source, err := openBelow(r.tree.root, string(above), unix.O_PATH|unix.O_DIRECTORY, strictly)
	if err != nil {
		return explain(earlier, err)
	}
	defer unix.Close(source)
	status, err := statFile(source, string(last))
	if err != nil {
		return explain(earlier, err)
	}
	if kindOf(status.Mode) != typeFile {
		return protocol.Fail(protocol.CodeConflict, "%s is no file to give a further name", quote(earlier))
	}
	return r.makeEntry(func(directory int, name string) error {
		return unix.Linkat(source, string(last), directory, name, 0)
	})
}

func (r *receive) link(one *record) error {
	times := []unix.Timespec{timespec(one.modifiedNs), timespec(one.modifiedNs)}
	target := string(one.target)
	return r.makeEntry(func(directory int, name string) error {
		if err := unix.Symlinkat(target, directory, name); err != nil {
			return err
		}
		if err := r.owner.give(directory, name); err != nil {
			return err
		}
		return unix.UtimesNanoAt(directory, name, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// makeEntry makes what has no content in its place, or, where something is
// already, on the stage first, so that the place is never empty.
func (r *receive) makeEntry(make func(directory int, name string) error) error {
	directory, name, err := r.parent()
	if err != nil {
		return err
	}
	err = make(directory, name)
	if err != unix.EEXIST {
		return err
	}
	if err := r.enterStage(); err != nil {
		return err
	}
	waiting := &draft{r.stage, r.tree.stage.newName(), -1}
	// Also after a rename: one onto another name of the same file leaves both.
	defer waiting.discard()
	if err := make(waiting.directory, waiting.name); err != nil {
		return err
	}
	return unix.Renameat(waiting.directory, waiting.name, directory, name)
}

func statFile(directory int, name string) (unix.Stat_t, error) {
	var status unix.Stat_t
	err := unix.Fstatat(directory, name, &status, unix.AT_SYMLINK_NOFOLLOW)
	return status, err
}
