package protocol

import "strings"

const (
	commandEntriesMax = 16384
	commandBytesMax   = 2 << 20
	environmentMax    = 4096
	pathBytesMax      = 4096
	userBytesMax      = 256
)

// Program is what to start, where and as whom.
type Program struct {
	Command []Text `json:"command"`
	// Env entries override those of the activation.
	Env []Text `json:"env"`
	// Cwd absent means the activation's.
	Cwd Text `json:"cwd"`
	// User absent means the activation's.
	User string `json:"user"`
}

func (p *Program) check() error {
	if err := checkCommand(p.Command); err != nil {
		return err
	}
	return p.checkWorld()
}

// checkWorld leaves out the command, which some requests need not name.
func (p *Program) checkWorld() error {
	if err := checkEnvironment("env", p.Env); err != nil {
		return err
	}
	if err := checkPath("cwd", string(p.Cwd)); err != nil {
		return err
	}
	return checkUser("user", p.User)
}

func checkCommand(command []Text) error {
	if len(command) == 0 || command[0] == "" {
		return Fail(CodeBadRequest, "command names no program")
	}
	if len(command) > commandEntriesMax {
		return Fail(CodeLimitExceeded, "command has %d entries, at most %d are taken", len(command), commandEntriesMax)
	}
	total := 0
	for i, entry := range command {
		if strings.ContainsRune(string(entry), 0) {
			return Fail(CodeBadRequest, "command[%d] contains a NUL byte", i)
		}
		total += len(entry)
	}
	if total > commandBytesMax {
		return Fail(CodeLimitExceeded, "command has %d bytes, at most %d are taken", total, commandBytesMax)
	}
	return nil
}

func checkEnvironment(field string, entries []Text) error {
	if len(entries) > environmentMax {
		return Fail(CodeLimitExceeded, "%s has %d entries, at most %d are taken", field, len(entries), environmentMax)
	}
	for i, entry := range entries {
		if strings.ContainsRune(string(entry), 0) {
			return Fail(CodeBadRequest, "%s[%d] contains a NUL byte", field, i)
		}
		if strings.IndexByte(string(entry), '=') <= 0 {
			return Fail(CodeBadRequest, "%s[%d] is %.60q, not NAME=value", field, i, string(entry))
		}
	}
	return nil
}

func checkPath(field, path string) error {
	if len(path) >= pathBytesMax {
		return Fail(CodeBadRequest, "%s has %d bytes, at most %d are taken", field, len(path), pathBytesMax-1)
	}
	if strings.ContainsRune(path, 0) {
		return Fail(CodeBadRequest, "%s contains a NUL byte", field)
	}
	return nil
}

func checkUser(field, user string) error {
	if len(user) > userBytesMax {
		return Fail(CodeBadRequest, "%s has %d bytes, at most %d are taken", field, len(user), userBytesMax)
	}
	if strings.ContainsAny(user, "\x00\n") {
		return Fail(CodeBadRequest, "%s is %q, not a user", field, user)
	}
	return nil
}
