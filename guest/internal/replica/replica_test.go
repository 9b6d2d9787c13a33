package replica

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyro.dev/guest/internal/protocol"
)

func open(t *testing.T, path string) int {
	t.Helper()
	descriptor, err := unix.Open(path, openDirectory, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(descriptor) })
	return descriptor
}

// shell makes or describes a tree as only root can.
func shell(t *testing.T, directory, script string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("owners and devices are root's to make")
	}
	command := exec.Command("sh", "-euc", script)
	command.Dir = directory
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

const describe = `find . -printf '%P %y %m %U %G %n %s %T@ %l\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort`

func TestRunKeepsWhatTellsFilesApart(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	shell(t, source, `
mkdir -m 2751 d && mkdir d/sub && echo one > d/a && ln d/a d/sub/b && ln d/a again
printf x > suid && chown 5:6 suid && chmod 4755 suid
chown 7:8 d && ln -s ../nowhere d/link && chown -h 9:9 d/link
mkfifo -m 640 pipe && mknod -m 600 null c 1 3 || true
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")' 2>/dev/null || true
truncate -s 5M sparse && printf end >> sparse && head -c 300000 /dev/urandom > dense && : > empty && truncate -s 1M hole
touch -d '1999-01-02 03:04:05.123456789' d/a dense && touch -d '2001-02-03' d`)
	mkdir(t, target, lostAndFound)
	copying := New(context.Background())
	if err := copying.Run(open(t, source), open(t, target)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(target, lostAndFound)); err != nil {
		t.Fatal(err)
	}
	// Removing it changed the time of the root's own directory.
	shell(t, target, "touch -r "+source+" .")
	want, got := shell(t, source, describe), shell(t, target, describe)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var status unix.Stat_t
	if err := unix.Stat(filepath.Join(target, "sparse"), &status); err != nil || status.Blocks*512 > 1<<20 {
		t.Errorf("sparse takes %d blocks: %v", status.Blocks, err)
	}
	if entries, _ := copying.Copied(); int(entries) != strings.Count(want, "\n")-1-strings.Count(shell(t, source, "find . -type f"), "\n") {
		t.Errorf("%d entries were told", entries)
	}
}

func mkdir(t *testing.T, directory, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestRunKeepsWhatIsCalledAsTheTargetsOwnDirectory(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	mkdir(t, target, lostAndFound)
	shell(t, source, "echo mine > "+lostAndFound)
	if err := New(context.Background()).Run(open(t, source), open(t, target)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(target, lostAndFound)); err != nil || string(text) != "mine\n" {
		t.Errorf("%q: %v", text, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := New(ctx).Run(open(t, t.TempDir()), open(t, t.TempDir()))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestExplainNamesTheEntry(t *testing.T) {
	copying := &Copy{path: []byte("/a\n")}
	for failed, want := range map[error]protocol.Code{
		unix.ENOSPC: protocol.CodeNoSpace, unix.EUCLEAN: protocol.CodeDamaged, unix.EPERM: protocol.CodeInternal,
	} {
		failure := protocol.AsFailure(copying.explain(failed))
		if failure.Code != want || !strings.HasPrefix(failure.Message, `"/a\n" `) {
			t.Errorf("%v: %+v", failed, failure)
		}
	}
}
