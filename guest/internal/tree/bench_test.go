package tree

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// benchStream is 2,000 files in 100 directories.
func benchStream(bytesEach int) []byte {
	made := &stream{}
	content := strings.Repeat("x", bytesEach)
	for d := range 100 {
		made.directory(fmt.Sprint(d))
		for f := range 20 {
			made.file(fmt.Sprintf("%d/%d", d, f), content)
		}
	}
	return made.end()
}

// benchTree makes an empty tree below the working directory, so that a benchmark
// that was copied into a machine measures that machine's disk.
func benchTree(b *testing.B, around string, number int) *Tree {
	root := filepath.Join(around, fmt.Sprint(number))
	must(b, os.Mkdir(root, 0o755))
	made := New(Place{Root: open(b, root), StageParent: open(b, around), StageName: "stage"})
	b.Cleanup(made.End)
	return made
}

func benchDirectory(b *testing.B) string {
	around, err := os.MkdirTemp(".", "bench-")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(around) })
	return around
}

func BenchmarkExtract(b *testing.B) {
	for _, size := range []int{0, 20 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			body, around := benchStream(size), benchDirectory(b)
			b.ResetTimer()
			for i := range b.N {
				_, err := benchTree(b, around, i).Extract(context.Background(), nil, bytes.NewReader(body))
				must(b, err)
			}
			b.StopTimer()
		})
	}
}

func BenchmarkScan(b *testing.B) {
	made := benchTree(b, benchDirectory(b), 0)
	_, err := made.Extract(context.Background(), nil, bytes.NewReader(benchStream(0)))
	must(b, err)
	for b.Loop() {
		must(b, made.Scan(context.Background(), ScanOptions{}, io.Discard))
	}
}
