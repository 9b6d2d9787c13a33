package protocol

import "strings"

const warmCommandsMax = 64

// CheckWarmCommands checks the commands of POST /v1/warm.
func CheckWarmCommands(commands [][]string) error {
	if len(commands) > warmCommandsMax {
		return Fail(CodeLimitExceeded, "commands has %d entries, at most %d are taken", len(commands), warmCommandsMax)
	}
	for i, command := range commands {
		if len(command) == 0 || command[0] == "" {
			return Fail(CodeBadRequest, "commands[%d] names no program", i)
		}
		for j, argument := range command {
			if strings.ContainsRune(argument, 0) {
				return Fail(CodeBadRequest, "commands[%d][%d] contains a NUL byte", i, j)
			}
		}
	}
	return nil
}
