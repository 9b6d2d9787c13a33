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

// record is what an agent needs to go on where one that died stopped.
type record struct {
	Request *protocol.ActivateRequest `json:"request"`
	// InitPID is the workload's first process.
	InitPID int `json:"init_pid"`
}

func (r *record) save() {
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(recordPath, text, 0o600)
	}
	if err != nil {
		console.Say("the activation is not recorded: %v", err)
	}
}

// loadRecord is nil in a machine that was not activated.
func loadRecord() *record {
	text, err := os.ReadFile(recordPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	found := &record{}
	if err == nil {
		err = json.Unmarshal(text, found)
	}
	if err != nil {
		console.Say("the recorded activation is lost: %v", err)
		return nil
	}
	return found
}
