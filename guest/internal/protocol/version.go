// Package protocol is the shape of everything that crosses the channel, and the
// only place that parses what the host sent. It does nothing.
package protocol

// Version of the protocol. A host of another version never talks to this agent.
const Version = 1

// VersionHeader is on every response.
const VersionHeader = "x-pyro-protocol"

// CommandNumberHeader is on an exec request whose late output somebody reads.
const CommandNumberHeader = "x-pyro-command"

// AgentVersion is set by the linker.
var AgentVersion = "development"

// Health is the answer of GET /v1/health.
type Health struct {
	Protocol     int    `json:"protocol"`
	AgentVersion string `json:"agent_version"`
	Activated    bool   `json:"activated"`
	UptimeMs     int64  `json:"uptime_ms"`
	// HeldSecrets stays true for a machine that was ever given one.
	HeldSecrets bool `json:"held_secrets"`
}

// Activated is the answer of POST /v1/activate.
type Activated struct {
	Activated  bool  `json:"activated"`
	DurationMs int64 `json:"duration_ms"`
}

// Warmed is the answer of POST /v1/warm.
type Warmed struct {
	CommandCount int `json:"command_count"`
	FailedCount  int `json:"failed_count"`
}

// LayerApplied is the answer of POST /v1/build/layer.
type LayerApplied struct {
	EntryCount int64 `json:"entry_count"`
	// Bytes of the uncompressed stream.
	Bytes int64 `json:"bytes"`
	// DiffID is the digest of the uncompressed stream; null where none was asked for.
	DiffID *string `json:"diff_id"`
}

// ImageFinished is the answer of POST /v1/build/finish.
type ImageFinished struct {
	UsedBytes  int64   `json:"used_bytes"`
	EntryCount int64   `json:"entry_count"`
	OSRelease  *string `json:"os_release"`
	// ISALevel is the x86-64 level that the image needs; 0 where nothing says.
	ISALevel int `json:"isa_level"`
}
