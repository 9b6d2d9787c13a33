package machine

import (
	"os"
	"testing"
)

func blocks(t *testing.T, serials map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for device, serial := range serials {
		if err := os.MkdirAll(directory+"/"+device, 0o755); err != nil {
			t.Fatal(err)
		}
		if serial == "" {
			continue
		}
		if err := os.WriteFile(directory+"/"+device+"/serial", []byte(serial+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestFindDisks(t *testing.T) {
	for name, test := range map[string]struct {
		serials map[string]string
		want    Disks
	}{
		"by serial":       {map[string]string{"vda": "pyro-data", "vdb": "pyro-env", "vdc": "pyro-target"}, Disks{"/dev/vdb", "/dev/vda", "/dev/vdc"}},
		"by order":        {map[string]string{"vda": "", "vdb": ""}, Disks{Environment: "/dev/vda", Data: "/dev/vdb"}},
		"one by serial":   {map[string]string{"vda": "", "vdb": "pyro-env"}, Disks{Environment: "/dev/vdb", Data: "/dev/vda"}},
		"only one":        {map[string]string{"vda": "pyro-env"}, Disks{Environment: "/dev/vda", Data: ""}},
		"none":            {nil, Disks{}},
		"after the 26th":  {map[string]string{"vdaa": "", "vdb": ""}, Disks{Environment: "/dev/vdb", Data: "/dev/vdaa"}},
		"not a disk":      {map[string]string{"loop0": "", "vda": ""}, Disks{Environment: "/dev/vda", Data: ""}},
		"unknown serials": {map[string]string{"vda": "x", "vdb": "y"}, Disks{Environment: "/dev/vda", Data: "/dev/vdb"}},
	} {
		if got := findDisks(blocks(t, test.serials)); got != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
