package workload

import (
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// hostsBytesMax is the largest hosts file that is completed; a larger one stays as it is.
const hostsBytesMax = 1 << 20

const (
	localhostV4 = "127.0.0.1\tlocalhost\n"
	localhostV6 = "::1\tlocalhost ip6-localhost ip6-loopback\n"
)

// hostsFile is the root's hosts file without the machine's own line. What the
// image or a user wrote there stays.
type hostsFile struct{ text string }

// readHosts answers nil where the file is not ours to write: it is no plain file,
// too large, or was removed by a user.
func readHosts(upperEtc int) *hostsFile {
	if exists(upperEtc, "hosts") {
		return readHostsIn(upperEtc)
	}
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	etc, err := unix.Open(EnvironmentDirectory+"/etc", flags, 0)
	if err != nil {
		return completeHosts("")
	}
	defer unix.Close(etc)
	if !exists(etc, "hosts") {
		return completeHosts("")
	}
	return readHostsIn(etc)
}

func readHostsIn(etc int) *hostsFile {
	descriptor, err := unix.Openat(etc, "hosts", unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(descriptor), "hosts")
	defer file.Close()
	status, err := file.Stat()
	if err != nil || !status.Mode().IsRegular() || status.Size() > hostsBytesMax {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, hostsBytesMax))
	if err != nil {
		return nil
	}
	return completeHosts(string(text))
}

// completeHosts adds the loopback names that every program expects.
func completeHosts(text string) *hostsFile {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	missing := ""
	if !maps(text, "127.0.0.1", "localhost") {
		missing = localhostV4
	}
	if !maps(text, "::1", "localhost") {
		missing += localhostV6
	}
	return &hostsFile{missing + text}
}

// with is the file of a machine of that name.
func (h *hostsFile) with(hostname string) string {
	if maps(h.text, "", hostname) {
		return h.text
	}
	return h.text + "127.0.1.1\t" + hostname + "\n"
}

// maps tells whether a line gives the name that address, or any if it is "".
func maps(text, address, name string) bool {
	for line := range strings.Lines(text) {
		entry, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(entry)
		if len(fields) == 0 || address != "" && fields[0] != address {
			continue
		}
		if slices.Contains(fields[1:], name) {
			return true
		}
	}
	return false
}
