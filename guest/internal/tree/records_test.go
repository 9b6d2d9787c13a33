package tree

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"pyro.dev/guest/internal/protocol"
)

// drain reads a stream as extract does, content included.
func drain(stream []byte) (all []record, err error) {
	return drainFrom(&records{input: newInput(bytes.NewReader(stream))})
}

func drainFrom(from *records) (all []record, err error) {
	for {
		one, err := from.next()
		if err != nil || one == nil {
			return all, err
		}
		kept := *one
		kept.path, kept.target = bytes.Clone(one.path), bytes.Clone(one.target)
		kept.attributes = append([]attribute(nil), one.attributes...)
		all = append(all, kept)
		for one.kind == typeFile {
			next, err := from.takeContent()
			if err != nil {
				return all, err
			}
			if next.kind == contentEnd {
				break
			}
			for left := next.length; next.kind == contentData && left > 0; {
				piece, err := from.take(int(min(left, writeBytes)))
				if err != nil {
					return all, err
				}
				left -= int64(len(piece))
			}
		}
	}
}

func randomRecord(random *rand.Rand) record {
	text := func(limit int) []byte {
		letters := []byte("ab \xff\n=.-")
		made := make([]byte, 1+random.IntN(limit))
		for i := range made {
			made[i] = letters[random.IntN(len(letters))]
		}
		return append([]byte("x"), made...)
	}
	one := record{
		kind: []byte("fdlhpscb")[random.IntN(8)], mode: random.Uint32N(modeMax + 1), modifiedNs: int64(random.Uint64()),
		uid: random.Uint32(), gid: random.Uint32(), inode: random.Uint64(), path: text(200),
		digest: []string{digestNone, digestUnchanged, strings.Repeat("0a", 32)}[random.IntN(3)], target: []byte{},
	}
	if one.modifiedNs == -1<<63 {
		one.modifiedNs++
	}
	switch one.kind {
	case typeFile:
		one.size = random.Int64N(sizeMax + 1)
	case typeLink, typeFurtherName:
		one.target = text(200)
	}
	for i := range random.IntN(3) {
		name := attributePrefix + string(rune('a'+i))
		one.attributes = append(one.attributes, attribute{name, bytes.Repeat([]byte{byte(i)}, random.IntN(attributeBytesMax+1))})
	}
	return one
}

func TestRecordsSurviveTheStream(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		written := &stream{}
		var want []record
		for range random.IntN(40) {
			one := randomRecord(random)
			want = append(want, one)
			written.add(one)
			if one.kind == typeFile {
				written.data(strings.Repeat("\x00", random.IntN(3000))).contentEnd()
			}
		}
		for name, reader := range map[string]*records{
			"at once":    {input: newInput(bytes.NewReader(written.end()))},
			"by bytes":   {input: newInput(iotest.OneByteReader(bytes.NewReader(written.end())))},
			"and an end": {input: newInput(iotest.DataErrReader(bytes.NewReader(written.end())))},
		} {
			got, err := drainFrom(reader)
			if err != nil || len(got) != len(want) {
				t.Fatalf("round %d %s: %d of %d records, %v", round, name, len(got), len(want), err)
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("round %d %s: %+v is not %+v", round, name, got[i], want[i])
				}
			}
		}
	}
}

func TestMalformedStreams(t *testing.T) {
	const end = ". 0 0 0 0 0 0 - 0 \x00\x00"
	for name, test := range map[string]struct{ stream, message string }{
		"nothing":                 {"", "ends too early"},
		"half a record":           {"f 644 0 0 0 0 0 - 0 a", "ends too early"},
		"no content":              {"f 644 0 0 0 0 0 - 0 a\x00\x00", "ends too early"},
		"no end":                  {"d 755 0 0 0 0 0 - 0 a\x00\x00", "ends too early"},
		"few fields":              {"f 644 0\x00\x00", "2 fields"},
		"long type":               {"file 644 0 0 0 0 0 - 0 a\x00\x00", "type"},
		"unknown type":            {"x 644 0 0 0 0 0 - 0 a\x00\x00", "type"},
		"mode not octal":          {"d 8 0 0 0 0 0 - 0 a\x00\x00", "mode"},
		"mode too large":          {"d 10000 0 0 0 0 0 - 0 a\x00\x00", "mode"},
		"mode empty":              {"d  0 0 0 0 0 - 0 a\x00\x00", "mode"},
		"size negative":           {"f 644 -1 0 0 0 0 - 0 a\x00\x00", "size"},
		"size too large":          {"f 644 9007199254740992 0 0 0 0 - 0 a\x00\x00", "size"},
		"size of a directory":     {"d 755 1 0 0 0 0 - 0 a\x00\x00", "size of 1"},
		"time":                    {"d 755 0 1.5 0 0 0 - 0 a\x00\x00", "time"},
		"time too far":            {"d 755 0 9223372036854775808 0 0 0 - 0 a\x00\x00", "time"},
		"owner":                   {"d 755 0 0 root 0 0 - 0 a\x00\x00", "owner"},
		"owner too large":         {"d 755 0 0 4294967296 0 0 - 0 a\x00\x00", "owner"},
		"group":                   {"d 755 0 0 0 x 0 - 0 a\x00\x00", "group"},
		"inode":                   {"d 755 0 0 0 0 +1 - 0 a\x00\x00", "inode"},
		"digest":                  {"d 755 0 0 0 0 0 abc 0 a\x00\x00", "digest"},
		"upper-case digest":       {"d 755 0 0 0 0 0 " + strings.Repeat("A", 64) + " 0 a\x00\x00", "digest"},
		"count of attributes":     {"d 755 0 0 0 0 0 - x a\x00\x00", "attributes"},
		"too many attributes":     {"d 755 0 0 0 0 0 - 65 a\x00\x00", "attributes"},
		"foreign attribute":       {"d 755 0 0 0 0 0 - 1 a\x00\x00trusted.overlay.opaque\x001\x00y", "user."},
		"nameless attribute":      {"d 755 0 0 0 0 0 - 1 a\x00\x00user.\x001\x00y", "user."},
		"long attribute name":     {"d 755 0 0 0 0 0 - 1 a\x00\x00user." + strings.Repeat("x", 251) + "\x000\x00", "name"},
		"large attribute":         {"d 755 0 0 0 0 0 - 1 a\x00\x00user.a\x0065537\x00", "length"},
		"short attribute":         {"d 755 0 0 0 0 0 - 1 a\x00\x00user.a\x005\x00abc", "ends too early"},
		"link without text":       {"l 777 0 0 0 0 0 - 0 a\x00\x00", "text"},
		"target of a file":        {"f 644 0 0 0 0 0 - 0 a\x00b\x00E\x00" + end, "target"},
		"further name of nothing": {"h 644 0 0 0 0 0 - 0 a\x00\x00", "nothing"},
		"evil earlier name":       {"h 644 0 0 0 0 0 - 0 a\x00../b\x00", "component"},
		"empty path later":        {"d 755 0 0 0 0 0 - 0 a\x00\x00d 755 0 0 0 0 0 - 0 \x00\x00", "empty"},
		"unknown content":         {"f 644 1 0 0 0 0 - 0 a\x00\x00X", "D, H or E"},
		"empty chunk":             {"f 644 1 0 0 0 0 - 0 a\x00\x00D\x00\x00\x00\x00", "chunk"},
		"large chunk":             {"f 644 1 0 0 0 0 - 0 a\x00\x00D\x00\x10\x00\x01", "chunk"},
		"empty hole":              {"f 644 1 0 0 0 0 - 0 a\x00\x00H\x00\x00\x00\x00\x00\x00\x00\x00", "hole"},
		"endless hole":            {"f 644 1 0 0 0 0 - 0 a\x00\x00H\xff\x00\x00\x00\x00\x00\x00\x00", "hole"},
		"odd end of content":      {"f 644 0 0 0 0 0 - 0 a\x00\x00E\x02", "0 or 1"},
		"wrong count":             {". 0 1 0 0 0 0 - 0 \x00\x00", "counts 1"},
		"end with a path":         {". 0 0 0 0 0 0 - 0 a\x00\x00", "path"},
		"something after the end": {end + "x", "follows"},
		"endless record":          {"d 755 0 0 0 0 0 - 0 " + strings.Repeat("a", 20000), "no end"},
	} {
		_, err := drain([]byte(test.stream))
		refused(t, name, err, protocol.CodeBadRequest, test.message)
	}
	if all, err := drain([]byte(end)); err != nil || len(all) != 0 {
		t.Errorf("an empty stream: %v", err)
	}
}

func TestPaths(t *testing.T) {
	for _, good := range []string{"", "a", "a/b", "...", ".a", "a..", "\xff\xfe", " ", "a\nb", strings.Repeat("x", 255), strings.Repeat("a/", 999) + "a"} {
		if err := CheckPath([]byte(good)); err != nil {
			t.Errorf("%.40q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "./a", "a\x00b", strings.Repeat("x", 256),
		strings.Repeat("a/", 1000) + "a", strings.Repeat(strings.Repeat("x", 200)+"/", 25) + "a",
	} {
		refused(t, bad, CheckPath([]byte(bad)), protocol.CodeBadRequest, "path")
	}
}

func FuzzStream(f *testing.F) {
	f.Add((&stream{}).directory("d").file("d/a", "content").link("l", "d/a").end())
	f.Add((&stream{}).add(record{kind: typeFurtherName, path: []byte("h"), target: []byte("d/a")}).end())
	f.Add([]byte("f 644 9 -1 0 0 0 - 1 a\x00\x00user.x\x003\x00abcH\x00\x00\x00\x00\x00\x00\x00\x09E\x01. 0 1 0 0 0 0 - 0 \x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, err := drain(raw)
		if err != nil {
			if failure := protocol.AsFailure(err); failure.Code != protocol.CodeBadRequest {
				t.Errorf("refused with %s", failure.Code)
			}
			return
		}
		// What was understood is written the same way again.
		for _, one := range all {
			again := &stream{}
			if again.add(one); one.kind == typeFile {
				again.contentEnd()
			}
			if len(one.path) > 0 {
				if got, err := drain(again.end()); err != nil || !reflect.DeepEqual(got[0], one) {
					t.Errorf("%+v became %+v, %v", one, got, err)
				}
			}
		}
	})
}
