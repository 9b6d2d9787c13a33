package protocol

// EgressLineBytesMax bounds a line of either side on the stream that opens the way out.
const EgressLineBytesMax = 4 << 10

// Kinds of the guest's lines.
const (
	EgressOpen            = "open"
	EgressName            = "name"
	EgressConnection      = "connection"
	EgressAttribution     = "attribution"
	EgressConnectionLimit = "connection_limit"
)

// EgressLine is what the guest says.
type EgressLine struct {
	ID   uint64 `json:"id,omitempty"`
	Kind string `json:"kind"`
	// Name is asked for.
	Name string `json:"name,omitempty"`
	// Host is a name that was asked for before, or an address.
	Host string `json:"host,omitempty"`
	Port uint16 `json:"port,omitempty"`
	// Group is whose processes the connection's program is one of: "command:12", "service:web", "shell:sh-1a2b".
	Group string `json:"group,omitempty"`
	// Program is what the program calls itself, at most 15 bytes.
	Program string `json:"program,omitempty"`
	// Count are the connections that were refused for want of room since the line before.
	Count int `json:"count,omitempty"`
}

// Answers of the host; all but the first are about connections as well as names where that makes sense.
const (
	EgressOK          = "ok"
	EgressUnknown     = "unknown"
	EgressFailed      = "failed"
	EgressDenied      = "denied"
	EgressRefused     = "refused"
	EgressUnreachable = "unreachable"
	EgressTimedOut    = "timed_out"
)

// EgressAnswer is what the host says.
type EgressAnswer struct {
	ID     uint64 `json:"id"`
	Answer string `json:"answer"`
	// Rule is the one that denied a connection.
	Rule string `json:"rule"`
	// Reason is a sentence for people.
	Reason string `json:"reason"`
}
