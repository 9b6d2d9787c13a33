package layer

import (
	"errors"

	"golang.org/x/sys/unix"
)

const (
	specialBits = unix.S_ISUID | unix.S_ISGID | unix.S_ISVTX
	modeBits    = 0o777 | specialBits
)

func (p place) mode() uint32 { return uint32(p.header.Mode) & modeBits }

func (u *unpacker) makeDirectory(p place) error {
	err := unix.Mkdirat(p.descriptor, p.name.base, p.mode())
	isNew := err == nil
	if errors.Is(err, unix.EEXIST) {
		isNew, err = u.keepDirectory(p)
	}
	if err != nil {
		return p.explain(err)
	}
	if err := u.times.remember(p.name.full(), p.header); err != nil {
		return err
	}
	if isNew && !p.needsOwner() && p.mode()&specialBits == 0 && len(p.header.PAXRecords) == 0 {
		return nil
	}
	descriptor, err := unix.Openat(p.descriptor, p.name.base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return p.explain(err)
	}
	defer unix.Close(descriptor)
	if err := p.setOwnerAndMode(descriptor, !isNew || p.givesGroup); err != nil {
		return err
	}
	if !isNew {
		// Its own group bit may have changed with its mode.
		u.forgetParents(nil)
	}
	return nil
}

// keepDirectory leaves a directory with what is in it, and puts one in the place
// of anything else: a link to a directory as well, since the layer says so.
func (u *unpacker) keepDirectory(p place) (isNew bool, err error) {
	var status unix.Stat_t
	if err := unix.Fstatat(p.descriptor, p.name.base, &status, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	if status.Mode&unix.S_IFMT == unix.S_IFDIR {
		return false, nil
	}
	if err := u.replace(p); err != nil {
		return false, err
	}
	return true, unix.Mkdirat(p.descriptor, p.name.base, p.mode())
}

func (u *unpacker) makeSymlink(p place) error {
	if target := p.header.Linkname; target == "" || len(target) > nameBytesMax {
		return refuse(p.header.Name, "is a link to a name of %d bytes", len(target))
	}
	err := u.make(p, func() error {
		return unix.Symlinkat(p.header.Linkname, p.descriptor, p.name.base)
	})
	if err != nil {
		return p.explain(err)
	}
	if p.needsOwner() {
		if err := unix.Fchownat(p.descriptor, p.name.base, p.header.Uid, p.header.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return p.explain(err)
		}
	}
	return p.explainAny(unix.UtimesNanoAt(p.descriptor, p.name.base, fileTimes(p.header), unix.AT_SYMLINK_NOFOLLOW))
}

func (u *unpacker) makeHardLink(p place) error {
	target, err := parseLinkTarget(p.header.Name, p.header.Linkname)
	if err != nil {
		return err
	}
	directory, err := openIn(u.root, target.parent, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return refuse(p.header.Name, "is a hard link to %s, which is not there", quote(p.header.Linkname))
	}
	defer unix.Close(directory)
	var wanted, present unix.Stat_t
	if err := unix.Fstatat(directory, target.base, &wanted, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return refuse(p.header.Name, "is a hard link to %s, which is not there", quote(p.header.Linkname))
	}
	if wanted.Mode&unix.S_IFMT == unix.S_IFDIR {
		return refuse(p.header.Name, "is a hard link to the directory %s", quote(p.header.Linkname))
	}
	err = unix.Fstatat(p.descriptor, p.name.base, &present, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && present.Ino == wanted.Ino && present.Dev == wanted.Dev {
		// Making it anew would remove the only name it has.
		return nil
	}
	err = u.make(p, func() error {
		return unix.Linkat(directory, target.base, p.descriptor, p.name.base, 0)
	})
	if errors.Is(err, unix.ENOENT) {
		return refuse(p.header.Name, "is a hard link to %s, which it replaces", quote(p.header.Linkname))
	}
	return p.explainAny(err)
}

const (
	deviceMajorMax = 1<<12 - 1
	deviceMinorMax = 1<<20 - 1
)

func (u *unpacker) makeNode(p place) error {
	kind := map[byte]uint32{'3': unix.S_IFCHR, '4': unix.S_IFBLK, '6': unix.S_IFIFO}[p.header.Typeflag]
	major, minor := p.header.Devmajor, p.header.Devminor
	if major < 0 || major > deviceMajorMax || minor < 0 || minor > deviceMinorMax {
		return refuse(p.header.Name, "is device %d:%d, which cannot be", major, minor)
	}
	device := unix.Mkdev(uint32(major), uint32(minor))
	if kind == unix.S_IFIFO {
		device = 0
	}
	err := u.make(p, func() error {
		return unix.Mknodat(p.descriptor, p.name.base, kind|p.mode(), int(device))
	})
	if err != nil {
		return p.explain(err)
	}
	if p.needsOwner() {
		if err := unix.Fchownat(p.descriptor, p.name.base, p.header.Uid, p.header.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return p.explain(err)
		}
		// It is the node just made, and no link, that this follows.
		if err := unix.Fchmodat(p.descriptor, p.name.base, p.mode(), 0); err != nil {
			return p.explain(err)
		}
	}
	return p.explainAny(unix.UtimesNanoAt(p.descriptor, p.name.base, fileTimes(p.header), unix.AT_SYMLINK_NOFOLLOW))
}

// explainAny passes nil through.
func (p place) explainAny(err error) error {
	if err == nil {
		return nil
	}
	return p.explain(err)
}
