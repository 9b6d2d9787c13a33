package layer

import (
	"archive/tar"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// directoryNamesBytesMax bounds what is remembered of a layer made of directories only.
const directoryNamesBytesMax = 64 << 20

// directoryTimes are set last: every entry made in a directory changes its time.
type directoryTimes struct {
	names []string
	times [][]unix.Timespec
	bytes int
}

func (d *directoryTimes) remember(name string, header *tar.Header) error {
	const entryOverhead = 96
	d.bytes += len(name) + entryOverhead
	if d.bytes > directoryNamesBytesMax {
		return protocol.Fail(protocol.CodeLimitExceeded, "the layer's directory names take more than %d bytes", directoryNamesBytesMax)
	}
	d.names = append(d.names, name)
	d.times = append(d.times, fileTimes(header))
	return nil
}

// applyTimes leaves out directories that a later entry replaced.
func (t *target) applyTimes() error {
	for i, name := range t.times.names {
		descriptor, err := openIn(t.root, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if err != nil {
			continue
		}
		err = setTimes(descriptor, t.times.times[i])
		_ = unix.Close(descriptor)
		if err != nil {
			return explain(name, err)
		}
	}
	return nil
}

// applyRoot gives the root itself its owner, mode and time.
func (u *unpacker) applyRoot(header *tar.Header) error {
	if header.Typeflag != tar.TypeDir {
		return refuse(header.Name, "names the root but is no directory")
	}
	root := place{&parent{descriptor: u.root}, entryName{}, header}
	if err := root.setOwnerAndMode(u.root, true); err != nil {
		return err
	}
	u.forgetParents(nil)
	return u.times.remember("", header)
}
