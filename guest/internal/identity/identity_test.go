package identity

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
broken line
alice:x:1000:1000::/home/alice:/bin/sh
2000:x:3000:3000::/home/number:/bin/sh
nohome:x:1001:1001:::/bin/sh
badid:x:4294967295:1:::
negative:x:-1:1:::
`
	group = `root:x:0:
alice:x:1000:
docker:x:998:bob,alice
audio:x:29:alice,alice
alicex:x:55:alicex
bad:x:notanumber:alice
`
)

func TestResolve(t *testing.T) {
	for user, want := range map[string]Identity{
		"":            {Name: "root", Home: "/root"},
		"root":        {Name: "root", Home: "/root"},
		"alice":       {UID: 1000, GID: 1000, Groups: []uint32{998, 29}, Name: "alice", Home: "/home/alice"},
		"1000":        {UID: 1000, GID: 1000, Groups: []uint32{998, 29}, Name: "alice", Home: "/home/alice"},
		"alice:audio": {UID: 1000, GID: 29, Name: "alice", Home: "/home/alice"},
		"alice:5":     {UID: 1000, GID: 5, Name: "alice", Home: "/home/alice"},
		"77:88":       {UID: 77, GID: 88, Name: "77", Home: "/"},
		"77":          {UID: 77, Name: "77", Home: "/"},
		"nohome":      {UID: 1001, GID: 1001, Name: "nohome", Home: "/"},
		"2000":        {UID: 3000, GID: 3000, Name: "2000", Home: "/home/number"},
	} {
		got, err := Resolve(user, []byte(passwd), []byte(group))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", user, got, err)
		}
	}
}

// TestResolveOddLines has what "getent -s files" of glibc 2.36 finds in such files, and what it does not.
func TestResolveOddLines(t *testing.T) {
	const passwd = "six:x:1000:1000:App:/home/six\n  \tblank:x:1001:1001::/b:/bin/sh\nfour:x:1002:1002\nfive:x:1003:1003:g\n" +
		"extra:x:1004:1004::/e:/bin/sh:more:x\nspace:x: 1005:\t1006::/s:\nplus:x:+1007:1007::/p:\ncr:x:1008:1008::/cr:/bin/sh\r\n" +
		"three:x:1009\n #comment:x:1010:1010::/c:\n+nis:x:1011:1011::/n:\n-nis:x:1012:1012::/n:\ntrail:x:1013 :1013::/t:\n" +
		"neg:x:-5:1014::/n:\nbig:x:4294967296:1015::/n:\nempty:x::1016::/n:\ncut:x:1017:1017\r\n"
	const group = "three:x:50\n  many:x:51: six,\tfour\nmore:x:52:six:four\ntrail:x:53:six \nlist:x:54:,,six"
	for user, want := range map[string]Identity{
		"six":       {UID: 1000, GID: 1000, Groups: []uint32{51, 54}, Name: "six", Home: "/home/six"},
		"blank":     {UID: 1001, GID: 1001, Name: "blank", Home: "/b"},
		"four":      {UID: 1002, GID: 1002, Groups: []uint32{51}, Name: "four", Home: "/"},
		"five":      {UID: 1003, GID: 1003, Name: "five", Home: "/"},
		"extra":     {UID: 1004, GID: 1004, Name: "extra", Home: "/e"},
		"space":     {UID: 1005, GID: 1006, Name: "space", Home: "/s"},
		"plus":      {UID: 1007, GID: 1007, Name: "plus", Home: "/p"},
		"cr":        {UID: 1008, GID: 1008, Name: "cr", Home: "/cr"},
		"six:three": {UID: 1000, GID: 50, Name: "six", Home: "/home/six"},
		"1011":      {UID: 1011, Name: "1011", Home: "/"},
	} {
		got, err := Resolve(user, []byte(passwd), []byte(group))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", user, got, err)
		}
	}
	for _, user := range []string{"three", "comment", "#comment", "nis", "+nis", "-nis", "trail", "neg", "big", "empty", "cut"} {
		if got, err := Resolve(user, []byte(passwd), []byte(group)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %+v, %v", user, got, err)
		}
	}
}

func TestResolveUnknown(t *testing.T) {
	for _, user := range []string{"bob", "alice:nogroup", ":5", "alice:", ":", "badid", "negative", "-1", "4294967295", "1e3", "0x5"} {
		if got, err := Resolve(user, []byte(passwd), []byte(group)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %+v, %v", user, got, err)
		}
	}
}

func TestResolveWithoutFiles(t *testing.T) {
	for _, user := range []string{"", "root", "0"} {
		if got, err := Resolve(user, nil, nil); err != nil || got.UID != 0 || got.Home != "/root" {
			t.Errorf("%q: %+v, %v", user, got, err)
		}
	}
}

func TestParsingIsBounded(t *testing.T) {
	var text strings.Builder
	for range entriesMax + 100 {
		text.WriteString("u:x:1:1:::\n")
	}
	if got := len(parsePasswd([]byte(text.String()))); got > entriesMax {
		t.Errorf("%d entries", got)
	}
	long := "a" + strings.Repeat("b", lineBytesMax) + ":x:1:1:::\n"
	if got := parsePasswd([]byte(long)); len(got) != 0 {
		t.Errorf("took a line of %d bytes", len(long))
	}
	var groups strings.Builder
	for id := range groupsMax + 50 {
		groups.WriteString("g:x:" + strings.Repeat("1", 1+id%5) + ":alice\n")
	}
	who, err := Resolve("alice", []byte(passwd), []byte(groups.String()))
	if err != nil || len(who.Groups) > groupsMax {
		t.Errorf("%d groups, %v", len(who.Groups), err)
	}
}

func TestReadFileDoesNotWait(t *testing.T) {
	directory := t.TempDir()
	pipe := filepath.Join(directory, "pipe")
	if err := unix.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(directory, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := ReadFile(pipe); got != nil {
		t.Errorf("read a pipe: %q", got)
	}
	if got := ReadFile(directory); got != nil {
		t.Errorf("read a directory: %q", got)
	}
	if got := ReadFile(plain); string(got) != "x" {
		t.Errorf("got %q", got)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("alice", []byte(passwd), []byte(group))
	f.Add("1000:docker", []byte(passwd), []byte(group))
	f.Fuzz(func(t *testing.T, user string, passwd, group []byte) {
		who, err := Resolve(user, passwd, group)
		if err != nil {
			if !errors.Is(err, ErrUnknown) {
				t.Errorf("unforeseen: %v", err)
			}
			return
		}
		if who.UID == 1<<32-1 || who.GID == 1<<32-1 || len(who.Groups) > groupsMax || !strings.HasPrefix(who.Home, "/") {
			t.Errorf("%+v", who)
		}
		if strings.ContainsAny(who.Home+who.Name, "\x00\n") && !strings.ContainsAny(user, "\x00\n") {
			t.Errorf("%+v", who)
		}
	})
}
