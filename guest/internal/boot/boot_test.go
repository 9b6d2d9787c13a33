package boot

import (
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseMode(t *testing.T) {
	for cmdline, want := range map[string]Mode{
		"":                                      ModeWorkspace,
		"quiet console=ttyS0":                   ModeWorkspace,
		"pyro.mode=builder":                     ModeBuilder,
		"quiet pyro.mode=builder x\n":           ModeBuilder,
		"pyro.mode=other":                       ModeWorkspace,
		"xpyro.mode=builder":                    ModeWorkspace,
		"pyro.mode=builder pyro.mode=workspace": ModeWorkspace,
	} {
		if got := parseMode(cmdline); got != want {
			t.Errorf("%q: %v", cmdline, got)
		}
	}
}

func TestParseModuleList(t *testing.T) {
	got := parseModuleList("virtio_ring.ko\n\n# comment\n  /lib/modules/virtio.ko \nlib/modules/sub/x.ko\nlast.ko")
	want := []string{"/lib/modules/virtio_ring.ko", "/lib/modules/virtio.ko", "/lib/modules/sub/x.ko", "/lib/modules/last.ko"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if got := parseModuleList(strings.Repeat("x\n", modulesMax+9)); len(got) != modulesMax {
		t.Errorf("%d modules", len(got))
	}
}

func TestFindModule(t *testing.T) {
	index := "bridge\tllc stp\trtnl-link-bridge\ntun\t\tdevname:net/tun char-major-10-200\nloop\t\tblock-major-7-*\nbroken\n"
	for wanted, want := range map[string]string{
		"bridge": "llc stp bridge", "rtnl-link-bridge": "llc stp bridge", "char-major-10-200": "tun",
		"block-major-7-3": "loop", "block_major_7_3": "loop", "block-major-70-3": "", "bri": "", "": "", "*": "",
	} {
		if got := strings.Join(findModule(index, wanted), " "); got != want {
			t.Errorf("%q: %q", wanted, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	for status, want := range map[unix.WaitStatus]string{9: "SIGKILL", 3 << 8: "exit code 3"} {
		if got := describe(status); got != want {
			t.Errorf("%d: %q", status, got)
		}
	}
}

func FuzzParseModuleList(f *testing.F) {
	f.Add("virtio.ko\n/a/b.ko\n#\n")
	f.Fuzz(func(t *testing.T, text string) {
		paths := parseModuleList(text)
		if len(paths) > modulesMax {
			t.Errorf("%d modules", len(paths))
		}
		for _, path := range paths {
			if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\x00\n") {
				t.Errorf("%q", path)
			}
		}
	})
}

func FuzzParseMode(f *testing.F) {
	f.Add("a pyro.mode=builder b")
	f.Fuzz(func(t *testing.T, cmdline string) {
		if parseMode(cmdline) == ModeBuilder && !strings.Contains(cmdline, "pyro.mode=builder") {
			t.Errorf("%q", cmdline)
		}
	})
}

func TestEndsByRestart(t *testing.T) {
	for cmdline, want := range map[string]bool{
		"":                               false,
		"quiet reboot=k":                 false,
		"reboot=k pyro.end=restart x\n":  true,
		"xpyro.end=restart":              false,
		"pyro.end=restart pyro.end=off":  false,
		"pyro.end=off  pyro.end=restart": true,
	} {
		if got := endsByRestart(cmdline); got != want {
			t.Errorf("%q: %v", cmdline, got)
		}
	}
}
