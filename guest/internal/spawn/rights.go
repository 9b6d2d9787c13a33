package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/identity"
	"pyro.dev/guest/internal/protocol"
)

// credential is nil where the command runs as the agent does.
func credential(who identity.Identity) *syscall.Credential {
	if int(who.UID) == os.Getuid() && int(who.GID) == os.Getgid() && len(who.Groups) == 0 {
		return nil
	}
	return &syscall.Credential{Uid: who.UID, Gid: who.GID, Groups: who.Groups}
}

// assume gives the calling thread, and only it, the file rights of a user. The
// raw calls are the point: the library's own would change every thread.
func assume(who identity.Identity) (restore func()) {
	if who.UID == 0 || os.Getuid() != 0 {
		return func() {}
	}
	before, _ := unix.Getgroups()
	setThreadGroups(who.Groups)
	setFileGroup(uintptr(who.GID))
	setFileUser(uintptr(who.UID))
	return func() {
		setFileUser(0)
		setFileGroup(0)
		groups := make([]uint32, 0, len(before))
		for _, group := range before {
			groups = append(groups, uint32(group))
		}
		setThreadGroups(groups)
	}
}

func setFileUser(id uintptr)  { _, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, id, 0, 0) }
func setFileGroup(id uintptr) { _, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, id, 0, 0) }

func setThreadGroups(groups []uint32) {
	_, _, _ = unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
}

// identityCache keeps the last user found, as long as the files are untouched.
type identityCache struct {
	user          string
	who           identity.Identity
	passwd, group fileVersion
	filled        bool
}

// fileVersion changes when a file does; zero for none.
type fileVersion struct {
	inode, size      int64
	modified, change int64
}

func (c *identityCache) resolve(user string) (identity.Identity, *NotStarted) {
	passwd, group := versionOf("/etc/passwd"), versionOf("/etc/group")
	if c.filled && c.user == user && c.passwd == passwd && c.group == group {
		return c.who, nil
	}
	who, err := identity.Resolve(user, identity.ReadFile("/etc/passwd"), identity.ReadFile("/etc/group"))
	if errors.Is(err, identity.ErrUnknown) {
		return who, notStarted(protocol.UserNotFound, "%v", err)
	}
	if err != nil {
		return who, notStarted(protocol.StartFailed, "%v", err)
	}
	*c = identityCache{user: user, who: who, passwd: passwd, group: group, filled: true}
	return who, nil
}

func versionOf(path string) fileVersion {
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		return fileVersion{}
	}
	return fileVersion{int64(status.Ino), status.Size, status.Mtim.Nano(), status.Ctim.Nano()}
}

// signalName is the name without SIG, or the number of one without a name.
func signalName(signal syscall.Signal) string {
	name := unix.SignalName(signal)
	if len(name) > 3 {
		return name[3:]
	}
	return fmt.Sprint(int(signal))
}
