package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStacksAgainstUmoci unpacks generated stacks of layers twice, here and with
// umoci, and compares the trees in everything that a program could see. What is
// drawn follows from the seed; PYRO_LAYER_STACKS and PYRO_LAYER_SEED ask for more.
func TestStacksAgainstUmoci(t *testing.T) {
	needRoot(t, "owners and devices are root's to give")
	if _, err := exec.LookPath("umoci"); err != nil {
		t.Skip("umoci is not installed")
	}
	first, count := numberFrom(t, "PYRO_LAYER_SEED", 1), numberFrom(t, "PYRO_LAYER_STACKS", 60)
	comparedCount := 0
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compareWithUmoci(t, uint64(seed), &comparedCount) })
	}
	if comparedCount < count/2 {
		t.Errorf("%d of %d stacks were refused by both", count-comparedCount, count)
	}
}

func numberFrom(t *testing.T, name string, otherwise int) int {
	text, found := os.LookupEnv(name)
	if !found {
		return otherwise
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return number
}

func compareWithUmoci(t *testing.T, seed uint64, comparedCount *int) {
	stack := newStackMaker(seed).make()
	archives := make([][]byte, len(stack))
	for number, entries := range stack {
		archives[number] = archive(t, entries...)
	}
	i := newImage(t)
	var refusal error
	for _, layer := range archives {
		if refusal = i.apply(layer); refusal != nil {
			break
		}
	}
	other := filepath.Join(t.TempDir(), "rootfs")
	layout := writeLayout(t, archives)
	said, failure := exec.Command("umoci", "raw", "unpack", "--image", layout+":v1", other).CombinedOutput()
	if (refusal == nil) != (failure == nil) {
		t.Fatalf("here: %v\nthere: %v %s\n%s", refusal, failure, said, describeStack(stack))
	}
	if refusal != nil {
		return
	}
	*comparedCount++
	ours, theirs := describeTree(t, i.root), describeTree(t, other)
	if ours != theirs {
		t.Errorf("here:\n%s\nthere:\n%s\n%s", ours, theirs, describeStack(stack))
	}
}

// stackMaker draws from few names, so that layers meet. It keeps the kinds of
// what should be there, because most stacks of anything at all are refused.
type stackMaker struct {
	*rand.Rand
	kinds map[string]byte
}

func newStackMaker(seed uint64) *stackMaker {
	return &stackMaker{rand.New(rand.NewPCG(seed, 0)), map[string]byte{}}
}

func (m *stackMaker) make() [][]entry {
	stack := make([][]entry, 2+m.IntN(3))
	for number := range stack {
		for range 1 + m.IntN(14) {
			if made := m.entry(); m.fits(made) {
				stack[number] = append(stack[number], made)
				m.note(made)
			}
		}
	}
	return stack
}

func (m *stackMaker) fits(made entry) bool {
	for parent := filepath.Dir(made.Name); parent != "."; parent = filepath.Dir(parent) {
		if kind, found := m.kinds[parent]; found && kind != tar.TypeDir && kind != tar.TypeSymlink {
			return false
		}
	}
	kind, found := m.kinds[made.Linkname]
	return made.Typeflag != tar.TypeLink || found && made.Linkname != made.Name && kind != tar.TypeDir && !strings.HasPrefix(made.Linkname, made.Name+"/")
}

func (m *stackMaker) note(made entry) {
	parent, base := filepath.Split(made.Name)
	name := made.Name
	if hidden, isWhiteout := strings.CutPrefix(base, whiteoutPrefix); isWhiteout {
		name = parent + hidden
	}
	if made.Typeflag != tar.TypeDir {
		for known := range m.kinds {
			if strings.HasPrefix(known, name+"/") {
				delete(m.kinds, known)
			}
		}
	}
	if name != made.Name {
		delete(m.kinds, name)
		return
	}
	for above := filepath.Dir(name); above != "."; above = filepath.Dir(above) {
		if _, found := m.kinds[above]; !found {
			m.kinds[above] = tar.TypeDir
		}
	}
	m.kinds[name] = made.Typeflag
}

func (m *stackMaker) name() string {
	components := make([]string, 1+m.IntN(3))
	for place := range components {
		components[place] = []string{"a", "b", "c", "ä" + strings.Repeat("d", 120)}[m.IntN(4)]
	}
	return strings.Join(components, "/")
}

// known is mostly a name that is there.
func (m *stackMaker) known() string {
	if len(m.kinds) == 0 || m.IntN(4) == 0 {
		return m.name()
	}
	return slices.Sorted(maps.Keys(m.kinds))[m.IntN(len(m.kinds))]
}

func (m *stackMaker) entry() entry {
	name := m.name()
	var made entry
	switch draw := m.IntN(20); {
	case draw < 5:
		made = file(name, strings.Repeat("x", m.IntN(3))+strconv.Itoa(m.IntN(1000)))
	case draw < 9:
		made = directory(name)
	case draw < 11:
		made = link(name, m.target())
	case draw < 14:
		made = hardLink(name, m.known())
	case draw < 15:
		made = node(tar.TypeFifo, name, 0, 0)
	case draw < 16:
		made = node(tar.TypeChar, name, 1, int64(3+m.IntN(5)))
	case draw < 19:
		parent, base := filepath.Split(m.known())
		return file(parent+whiteoutPrefix+base, "")
	default:
		return file(name+"/"+opaqueMarker, "")
	}
	made.Uid, made.Gid = 1+m.IntN(70000), m.IntN(3)
	made.ModTime, made.Format = time.Unix(int64(1_600_000_000+m.IntN(1_000_000)), 0), tar.FormatPAX
	if made.Typeflag != tar.TypeSymlink {
		made.Mode = []int64{0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o400, 0o777}[m.IntN(7)]
	}
	if made.Typeflag == tar.TypeReg && m.IntN(4) == 0 {
		made.PAXRecords = map[string]string{"SCHILY.xattr.user.note": strconv.Itoa(m.IntN(9)), "SCHILY.xattr.security.capability": capability}
	}
	return made
}

func (m *stackMaker) target() string {
	prefix := []string{"", "/", "../", "./"}[m.IntN(4)]
	return prefix + m.name()
}

func describeStack(stack [][]entry) string {
	var text strings.Builder
	for number, entries := range stack {
		for _, e := range entries {
			fmt.Fprintf(&text, "%d: %c %s %s %o\n", number, e.Typeflag, e.Name, e.Linkname, e.Mode)
		}
	}
	return text.String()
}

// describeTree has a line for each entry, with the first of its names where it has several.
func describeTree(t *testing.T, root string) string {
	t.Helper()
	var text strings.Builder
	names := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root)
		var status unix.Stat_t
		if err := unix.Lstat(path, &status); err != nil {
			return err
		}
		if first, found := names[status.Ino]; found {
			fmt.Fprintf(&text, "%s = %s\n", name, first)
			return nil
		}
		names[status.Ino] = name
		fmt.Fprintf(&text, "%s %o %d:%d %x", name, status.Mode, status.Uid, status.Gid, status.Rdev)
		// Those of directories that no layer names are nobody's: each tool has its own way.
		if status.Mode&unix.S_IFMT != unix.S_IFDIR {
			fmt.Fprintf(&text, " %d", status.Mtim.Nano())
		}
		fmt.Fprintf(&text, " %s\n", describeContent(path, status.Mode))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// capability is CAP_NET_BIND_SERVICE, permitted and effective.
const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func describeContent(path string, mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, _ := os.Readlink(path)
		return "-> " + target
	case unix.S_IFREG:
		content, _ := os.ReadFile(path)
		return fmt.Sprintf("%q %q %q", content, attribute(path, "user.note"), attribute(path, "security.capability"))
	default:
		return ""
	}
}

func attribute(path, name string) []byte {
	value := make([]byte, 64)
	n, _ := unix.Lgetxattr(path, name, value)
	return value[:max(n, 0)]
}

// writeLayout writes an image of the layers as an OCI layout with the tag v1.
func writeLayout(t *testing.T, layers [][]byte) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.MkdirAll(directory+"/blobs/sha256", 0o755); err != nil {
		t.Fatal(err)
	}
	type descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	write := func(mediaType string, content []byte) descriptor {
		sum := sha256.Sum256(content)
		name := hex.EncodeToString(sum[:])
		if err := os.WriteFile(directory+"/blobs/sha256/"+name, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return descriptor{MediaType: "application/vnd.oci.image." + mediaType, Digest: "sha256:" + name, Size: len(content)}
	}
	encode := func(value any) []byte {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var descriptors []descriptor
	var diffIDs []string
	for _, layer := range layers {
		written := write("layer.v1.tar", layer)
		descriptors, diffIDs = append(descriptors, written), append(diffIDs, written.Digest)
	}
	config := write("config.v1+json", encode(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	}))
	manifest := write("manifest.v1+json", encode(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": descriptors,
	}))
	manifest.Annotations = map[string]string{"org.opencontainers.image.ref.name": "v1"}
	for name, content := range map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`),
		"index.json": encode(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}}),
	} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}
