package workload

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// showImageRun lets what the image has in /run shine through the temporary file
// system that is mounted at the given directory: services expect their sockets'
// directories there, with an owner and a mode.
func showImageRun(directory string) error {
	image, err := openRoot(EnvironmentDirectory)
	if err != nil {
		return err
	}
	defer image.close()
	lower, err := image.open("run", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	run := os.NewFile(uintptr(lower), "run")
	defer run.Close()
	if _, err := run.Readdirnames(1); errors.Is(err, io.EOF) {
		return copyOwnerAndMode(lower, directory)
	}
	upper, work := directory+"/upper", directory+"/work"
	for _, name := range []string{upper, work} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	if err := copyOwnerAndMode(lower, upper); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=/proc/self/fd/%d,upperdir=%s,workdir=%s,redirect_dir=on,index=off", lower, upper, work)
	if err := unix.Mount("overlay", directory, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("show the image's /run: %w", err)
	}
	return nil
}

func copyOwnerAndMode(from int, to string) error {
	var status unix.Stat_t
	if err := unix.Fstat(from, &status); err != nil {
		return err
	}
	if err := unix.Chown(to, int(status.Uid), int(status.Gid)); err != nil {
		return err
	}
	return unix.Chmod(to, status.Mode&0o7777)
}
