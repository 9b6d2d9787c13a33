package workload

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Everything of a command's world that does not depend on the data disk is
// mounted here before the template is taken, and only moved at activation.
const (
	stageDirectory = "/run/stage"
	// EnvironmentDirectory is where the environment's disk is mounted.
	EnvironmentDirectory = "/run/environment"
	dataDirectory        = "/run/data"
	rootDirectory        = "/run/newroot"
)

type stagedMount struct {
	name, kind string
	flags      uintptr
	options    string
}

const quiet = unix.MS_NOSUID | unix.MS_NOEXEC

// staged in the order they are mounted; those below another's directory move with it.
var staged = []stagedMount{
	{"proc", "proc", quiet | unix.MS_NODEV, ""},
	{"sys", "sysfs", quiet | unix.MS_NODEV | unix.MS_RDONLY, ""},
	{"sys/fs/cgroup", "cgroup2", quiet | unix.MS_NODEV, ""},
	{"dev", "tmpfs", quiet, "mode=0755,size=1m"},
	{"run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755,size=20%"},
	{"dev/pts", "devpts", quiet, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
	{"dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777,size=50%"},
	{"dev/mqueue", "mqueue", quiet | unix.MS_NODEV, ""},
}

// moved are the staged mounts with a place of their own in the root.
var moved = []string{"proc", "sys", "dev", "run"}

// PrepareDirectories makes the mount points the namespaces share.
func PrepareDirectories() error {
	for _, directory := range []string{stageDirectory, EnvironmentDirectory, dataDirectory, rootDirectory} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func stageMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts apart: %w", err)
	}
	unix.Umask(0)
	for _, m := range staged {
		path := stageDirectory + "/" + m.name
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, path, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.name, err)
		}
	}
	if err := showImageRun(stageDirectory + "/run"); err != nil {
		return err
	}
	return makeDevices(stageDirectory + "/dev")
}

type device struct {
	name         string
	mode         uint32
	major, minor uint32
}

const (
	everybody = unix.S_IFCHR | 0o666
	rootOnly  = unix.S_IFCHR | 0o600
	// loopDevices is how many images can be mounted at a time.
	loopDevices = 16
)

// The drivers behind the second line are loaded when one of its devices is opened.
var devices = []device{
	{"null", everybody, 1, 3}, {"zero", everybody, 1, 5}, {"full", everybody, 1, 7}, {"random", everybody, 1, 8}, {"urandom", everybody, 1, 9}, {"tty", everybody, 5, 0},
	{"net/tun", everybody, 10, 200}, {"fuse", everybody, 10, 229}, {"cuse", rootOnly, 10, 203}, {"loop-control", rootOnly, 10, 237},
}

var deviceLinks = map[string]string{
	"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
	"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
}

func makeDevices(directory string) error {
	if err := os.Mkdir(directory+"/net", 0o755); err != nil {
		return err
	}
	all := slices.Clone(devices)
	for number := range uint32(loopDevices) {
		all = append(all, device{fmt.Sprintf("loop%d", number), unix.S_IFBLK | 0o600, 7, number})
	}
	for _, d := range all {
		if err := unix.Mknod(directory+"/"+d.name, d.mode, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("make device %s: %w", d.name, err)
		}
	}
	for name, target := range deviceLinks {
		if err := os.Symlink(target, directory+"/"+name); err != nil {
			return err
		}
	}
	return nil
}
