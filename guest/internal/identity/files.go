package identity

import (
	"bytes"
	"iter"
	"strings"
)

const (
	// FileBytesMax is how much of a passwd or group file is read.
	FileBytesMax = 1 << 20
	entriesMax   = 20000
	lineBytesMax = 64 << 10
	homeBytesMax = 4096
	nameBytesMax = 256
)

type passwdEntry struct {
	name     string
	uid, gid uint32
	home     string
}

// parsePasswd takes the lines that the C library takes: those that go as far as
// the number of a group. It skips what it does not understand.
func parsePasswd(text []byte) []passwdEntry {
	var entries []passwdEntry
	for fields := range lines(text, 7) {
		uid, uidOK := parseField(fields[2])
		gid, gidOK := parseField(fields[3])
		home := fields[5]
		if !uidOK || !gidOK || !validName(fields[0]) {
			continue
		}
		if !strings.HasPrefix(home, "/") || len(home) > homeBytesMax {
			home = "/"
		}
		entries = append(entries, passwdEntry{name: fields[0], uid: uid, gid: gid, home: home})
	}
	return entries
}

type groupEntry struct {
	name    string
	gid     uint32
	members string
}

func (g groupEntry) has(user string) bool {
	for member := range strings.SplitSeq(g.members, ",") {
		if strings.TrimLeft(member, blanks) == user {
			return true
		}
	}
	return false
}

func parseGroup(text []byte) []groupEntry {
	var entries []groupEntry
	for fields := range lines(text, 4) {
		gid, ok := parseField(fields[2])
		if !ok || !validName(fields[0]) {
			continue
		}
		entries = append(entries, groupEntry{name: fields[0], gid: gid, members: fields[3]})
	}
	return entries
}

// blanks are what may come before a line, a number and a member.
const blanks = " \t\v\f\r"

// lines yields the fields of each line: those that are not there are empty, and
// the last has what is left.
func lines(text []byte, fieldCount int) iter.Seq[[]string] {
	if len(text) > FileBytesMax {
		text = text[:FileBytesMax]
	}
	return func(yield func([]string) bool) {
		count := 0
		for line := range bytes.Lines(text) {
			count++
			if count > entriesMax {
				return
			}
			line = bytes.TrimLeft(bytes.TrimSuffix(line, []byte("\n")), blanks)
			if len(line) > lineBytesMax || bytes.IndexByte(line, 0) >= 0 || bytes.HasPrefix(line, []byte("#")) {
				continue
			}
			fields := strings.SplitN(string(line), ":", fieldCount)
			for len(fields) < fieldCount {
				fields = append(fields, "")
			}
			if !yield(fields) {
				return
			}
		}
	}
}

func parseField(text string) (uint32, bool) {
	return parseID(strings.TrimPrefix(strings.TrimLeft(text, blanks), "+"))
}

// validName leaves out the lines that ask another service for users.
func validName(name string) bool {
	return name != "" && len(name) <= nameBytesMax && name[0] != '+' && name[0] != '-'
}
