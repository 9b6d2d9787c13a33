package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"pyro.dev/guest/internal/console"
	"pyro.dev/guest/internal/protocol"
)

// recordPath outlives the agent, not the machine: it is in memory.
const recordPath = "/run/activation.json"

// saveRecord keeps what an agent needs to go on where one that died stopped.
func saveRecord(request *protocol.ActivateRequest) {
	text, err := json.Marshal(request)
	if err == nil {
		err = os.WriteFile(recordPath, text, 0o600)
	}
	if err != nil {
		console.Say("the activation is not recorded: %v", err)
	}
}

// loadRecord is nil in a machine that was not activated.
func loadRecord() *protocol.ActivateRequest {
	text, err := os.ReadFile(recordPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	found := &protocol.ActivateRequest{}
	if err == nil {
		err = json.Unmarshal(text, found)
	}
	if err != nil {
		console.Say("the recorded activation is lost: %v", err)
		return nil
	}
	return found
}
