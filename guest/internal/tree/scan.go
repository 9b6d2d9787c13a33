package tree

import (
	"context"
	"io"

	"golang.org/x/sys/unix"
)

// ScanOptions is what a scan is asked for.
type ScanOptions struct {
	Path []byte
	// Depth 0 is everything.
	Depth int
	// SinceNs is the mark before which an entry counts as unchanged; used where HasSince.
	SinceNs  int64
	HasSince bool
	// Digest asks for the digests of what has changed.
	Digest bool
}

// Scan writes the records of everything below the path, or of the one entry that is no directory.
func (t *Tree) Scan(ctx context.Context, options ScanOptions, to io.Writer) error {
	return onOwnThread(func(attributes *namedAttributes) error {
		return t.scan(ctx, &scan{options: options, output: newOutput(to), attributes: attributes})
	})
}

func (t *Tree) scan(ctx context.Context, scan *scan) error {
	options := &scan.options
	directory, name, err := t.openTop(options.Path)
	if err != nil {
		return explain(options.Path, err)
	}
	if name != "" {
		defer unix.Close(directory)
		if err := visitTop(ctx, scan, found{directory: directory, name: name}, scan.output); err != nil {
			return explain(options.Path, err)
		}
		return scan.end()
	}
	walk := &walk{visitor: scan, depthMax: options.Depth}
	if len(options.Path) == 0 {
		walk.hidden = t.hidden
	}
	if err := walk.run(ctx, directory); err != nil {
		return err
	}
	return scan.end()
}

// openTop opens the directory that was asked for; for anything else it answers
// the directory the entry is in, and its name.
func (t *Tree) openTop(path []byte) (directory int, name string, err error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	resolve := uint64(strictly)
	if t.isRoot {
		resolve = asRoot
	}
	directory, err = openBelow(t.root, string(path), flags, resolve)
	if err == nil || len(path) == 0 || !hasVanished(err) || err == unix.ENOENT {
		return directory, "", err
	}
	above, last := split(path)
	directory, err = openBelow(t.root, string(above), unix.O_PATH|unix.O_DIRECTORY, resolve)
	return directory, string(last), err
}

// scan is one scan at work.
type scan struct {
	looker
	*output
	options ScanOptions
	names   furtherNames
	digests digester
	// attributes is nil where files are opened anyway.
	attributes *namedAttributes
}

// visitTop is for an entry that was asked for by name and therefore must be there.
func visitTop(ctx context.Context, visitor visitor, entry found, to *output) error {
	before := to.count
	directory, err := visitor.visit(ctx, entry)
	if directory >= 0 {
		_ = unix.Close(directory)
	}
	if err == nil && to.count == before {
		err = unix.ENOENT
	}
	return err
}

func (s *scan) visit(ctx context.Context, entry found) (int, error) {
	if entry.hint == unix.DT_DIR {
		return s.visitDirectory(entry)
	}
	if entry.hint == unix.DT_REG && !s.options.HasSince && s.options.Digest {
		return -1, s.visitFile(ctx, entry)
	}
	status, err := s.status(entry.directory, entry.name)
	if err != nil {
		return -1, s.passOver(entry, err)
	}
	isUnchanged := s.isUnchanged(&status)
	switch kind := kindOf(status.Mode); {
	case kind == typeDirectory && len(entry.path) > 0:
		return s.visitDirectory(entry)
	case kind == typeFile && !isUnchanged && (s.options.Digest || !s.attributes.enter(entry.directory)):
		return -1, s.visitFile(ctx, entry)
	}
	return -1, s.emit(entry, &status)
}

// emit writes the record of what need not be opened.
func (s *scan) emit(entry found, status *unix.Stat_t) error {
	s.record.path = entry.path
	s.record.describe(status)
	if s.isUnchanged(status) {
		s.record.digest = digestUnchanged
	}
	if s.record.kind == typeLink {
		if err := s.readLink(entry.directory, entry.name); err != nil {
			return s.passOver(entry, err)
		}
	}
	if s.record.kind == typeFile {
		if s.record.digest != digestUnchanged && s.attributes.enter(entry.directory) {
			s.readNamedAttributes(entry.name)
		}
		s.names.mark(&s.record, status)
	}
	return s.put(&s.record)
}

// passOver leaves out what is gone.
func (s *scan) passOver(entry found, err error) error {
	if hasVanished(err) {
		return nil
	}
	return explain(entry.path, err)
}

func (s *scan) isUnchanged(status *unix.Stat_t) bool {
	return s.options.HasSince && nanoseconds(status.Ctim) < s.options.SinceNs
}

func (s *scan) visitDirectory(entry found) (int, error) {
	s.attributes.forget()
	descriptor, err := unix.Openat(entry.directory, entry.name, openEntry|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, s.visitUnopened(entry, err)
	}
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		_ = unix.Close(descriptor)
		return -1, explain(entry.path, err)
	}
	s.record.path = entry.path
	s.record.describe(&status)
	if s.isUnchanged(&status) {
		s.record.digest = digestUnchanged
	} else {
		s.readAttributes(descriptor)
	}
	return descriptor, s.put(&s.record)
}

func (s *scan) visitFile(ctx context.Context, entry found) error {
	descriptor, err := unix.Openat(entry.directory, entry.name, openEntry, 0)
	if err != nil {
		return s.visitUnopened(entry, err)
	}
	defer unix.Close(descriptor)
	var status unix.Stat_t
	if err := unix.Fstat(descriptor, &status); err != nil {
		return explain(entry.path, err)
	}
	if kindOf(status.Mode) != typeFile {
		return s.emit(entry, &status)
	}
	s.record.path = entry.path
	s.record.describe(&status)
	s.readAttributes(descriptor)
	s.names.mark(&s.record, &status)
	if s.options.Digest && s.record.kind == typeFile {
		if s.record.digest, err = s.digests.digest(ctx, descriptor); err != nil {
			return explain(entry.path, err)
		}
	}
	return s.put(&s.record)
}

// visitUnopened describes from outside what could not be opened: it became something else, or is forbidden.
func (s *scan) visitUnopened(entry found, err error) error {
	if err == unix.ENOENT {
		return nil
	}
	if !hasVanished(err) && !isForbidden(err) && err != unix.ENXIO && err != unix.ENODEV {
		return explain(entry.path, err)
	}
	status, err := s.status(entry.directory, entry.name)
	if err != nil {
		return s.passOver(entry, err)
	}
	return s.emit(entry, &status)
}
