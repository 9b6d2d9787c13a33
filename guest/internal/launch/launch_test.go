package launch

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestSplitFindsTheProgramBehindNodesOptions(t *testing.T) {
	for _, test := range []struct {
		command, arguments []string
		program            string
	}{
		{[]string{"node", "/p/cli.js"}, nil, "/p/cli.js"},
		{[]string{"node", "--one", "--two=2", "/p/cli.js", "run", "--json", "x"}, []string{"run", "--json", "x"}, "/p/cli.js"},
		{[]string{"node", "--one"}, nil, ""},
		{[]string{"node"}, nil, ""},
	} {
		program, arguments := split(test.command)
		if program != test.program || !slices.Equal(arguments, test.arguments) {
			t.Errorf("%q: %q, %q", test.command, program, arguments)
		}
	}
}

func TestDescribeTellsItsLengthAndAllOfIt(t *testing.T) {
	t.Setenv("PYRO_TEST", "two\nlines=and more")
	told, err := describe("secret", []string{"node", "/p/cli.js", "run", "", "ü *"})
	if err != nil {
		t.Fatal(err)
	}
	head, text, _ := strings.Cut(string(told), "\n")
	if length, err := strconv.Atoi(head); err != nil || length != len(text) {
		t.Errorf("said %s, were %d", head, len(text))
	}
	fields := strings.Split(text, "\x00")
	directory, _ := os.Getwd()
	if fields[1] != "secret" || fields[2] != "/p/cli.js" || fields[3] != strconv.Itoa(os.Getpid()) || fields[5] != directory {
		t.Errorf("%q", fields[:6])
	}
	if count, arguments := fields[11], fields[12:15]; count != "3" || !slices.Equal(arguments, []string{"run", "", "ü *"}) {
		t.Errorf("%s of %q", count, arguments)
	}
	if !slices.Contains(fields[15:], "PYRO_TEST=two\nlines=and more") {
		t.Error("the environment lacks a variable")
	}
}

func TestExitCodeIsOneOfItsOwnLine(t *testing.T) {
	for line, want := range map[string]int{"exit 0": 0, "exit 125": 125, "exit": -1, "read": -1, "exit x": -1} {
		code, isExit := exitCode(line)
		if isExit != (want >= 0) || isExit && code != want {
			t.Errorf("%q: %d, %v", line, code, isExit)
		}
	}
}
