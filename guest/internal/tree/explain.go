package tree

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

// meanings of what the system refuses, for an entry.
var meanings = []struct {
	code     protocol.Code
	sentence string
	errors   []error
}{
	{protocol.CodeNotFound, "does not exist", []error{unix.ENOENT, unix.ESTALE}},
	{protocol.CodeConflict, "is, or lies under, a symbolic link", []error{unix.ELOOP}},
	{protocol.CodeConflict, "is, or lies under, something that is no directory", []error{unix.ENOTDIR}},
	{protocol.CodeConflict, "is a directory", []error{unix.EISDIR, unix.ENOTEMPTY}},
	{protocol.CodeConflict, "leads out of the tree, or to another file system", []error{unix.EXDEV}},
	{protocol.CodeConflict, "exists", []error{unix.EEXIST}},
	{protocol.CodeConflict, "cannot be opened or changed", []error{
		unix.EACCES, unix.EPERM, unix.EROFS, unix.EBUSY, unix.ETXTBSY, unix.EAGAIN, unix.ENXIO, unix.ENODEV,
	}},
	{protocol.CodeDamaged, "cannot be read, because the disk is damaged", []error{unix.EUCLEAN, unix.EBADMSG, unix.EIO}},
	{protocol.CodeNoSpace, "does not fit on the disk", []error{unix.ENOSPC, unix.EDQUOT}},
	{protocol.CodeBadRequest, "is more than the file system takes", []error{
		unix.ENAMETOOLONG, unix.EFBIG, unix.EMLINK, unix.EINVAL,
	}},
}

// explain turns what the system refused into what the host should hear.
func explain(path []byte, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var failure *protocol.Failure
	if errors.As(err, &failure) {
		return failure
	}
	for _, meaning := range meanings {
		for _, one := range meaning.errors {
			if errors.Is(err, one) {
				return protocol.Fail(meaning.code, "%s %s: %v", quote(path), meaning.sentence, err)
			}
		}
	}
	return protocol.Fail(protocol.CodeInternal, "%s: %v", quote(path), err)
}

// hasVanished tells of an entry that went, or became something else, between two looks at it.
func hasVanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESTALE)
}

// isFull tells of a disk without room.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// isForbidden tells of an entry that is there but not for the agent, as far as it is no root.
func isForbidden(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}
