package tree

import (
	"context"
	"io"

	"golang.org/x/sys/unix"
)

// Archive writes the tree stream of a path. With a list, only the entries it names come.
func (t *Tree) Archive(ctx context.Context, path []byte, list io.Reader, to io.Writer) error {
	archive := newArchive(to)
	defer archive.small.close()
	if list != nil {
		if err := t.archiveListed(ctx, archive, path, list); err != nil {
			return err
		}
		return archive.end()
	}
	directory, name, err := t.openTop(path)
	if err != nil {
		return explain(path, err)
	}
	if name != "" {
		defer unix.Close(directory)
		if err := visitTop(ctx, archive, found{directory: directory, name: name}, archive.output); err != nil {
			return explain(path, err)
		}
		return archive.end()
	}
	if err := archive.describeTop(directory); err != nil {
		_ = unix.Close(directory)
		return explain(path, err)
	}
	walk := &walk{visitor: archive}
	if len(path) == 0 {
		walk.hidden = t.hidden
	}
	if err := walk.run(ctx, directory); err != nil {
		return err
	}
	return archive.end()
}

// archive is a scan that sends the content of files along.
type archive struct {
	scan
	small *smallFiles
}

func newArchive(to io.Writer) *archive {
	output := newOutput(to)
	return &archive{scan: scan{output: output}, small: newSmallFiles(output)}
}

func (a *archive) describeTop(directory int) error {
	var status unix.Stat_t
	if err := unix.Fstat(directory, &status); err != nil {
		return err
	}
	a.record.describe(&status)
	a.readAttributes(directory)
	return a.put(&a.record)
}

func (a *archive) visit(ctx context.Context, entry found) (int, error) {
	hint := entry.hint
	if hint != unix.DT_DIR && hint != unix.DT_REG {
		status, err := a.status(entry.directory, entry.name)
		if err != nil {
			return -1, a.passOver(entry, err)
		}
		switch kindOf(status.Mode) {
		case typeFile:
		case typeDirectory:
			hint = unix.DT_DIR
		default:
			return -1, a.emit(entry, &status)
		}
	}
	if hint == unix.DT_DIR {
		return a.visitDirectory(entry)
	}
	return -1, a.sendFile(ctx, entry)
}

func (a *archive) sendFile(ctx context.Context, entry found) error {
	descriptor, err := a.open(entry)
	if err != nil {
		if isForbidden(err) {
			return explain(entry.path, err)
		}
		return a.visitUnopened(entry, err)
	}
	isKept := false
	defer func() {
		if !isKept {
			_ = unix.Close(descriptor)
		}
	}()
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		return explain(entry.path, err)
	}
	one := &a.record
	if kindOf(status.Mode) != typeFile {
		return a.emit(entry, &status)
	}
	one.path = entry.path
	one.describe(&status)
	a.readAttributes(descriptor)
	a.names.mark(one, &status)
	if err := a.put(one); err != nil || one.kind != typeFile {
		return err
	}
	if isKept, err = a.small.take(entry.path, descriptor, &status); isKept || err != nil {
		return err
	}
	sending := &fileContent{output: a.output, descriptor: descriptor, status: &status}
	return explain(entry.path, sending.send(ctx))
}

// open gives up the files that are held open when there are too many.
func (a *archive) open(entry found) (int, error) {
	for {
		descriptor, err := unix.Openat(entry.directory, entry.name, openEntry, 0)
		if err != unix.EMFILE || len(a.small.placed) == 0 {
			return descriptor, err
		}
		if err := a.small.fill(); err != nil {
			return -1, err
		}
	}
}
