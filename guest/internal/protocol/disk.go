package protocol

// DiskOpenRequest is the body of POST /v1/disk/open.
type DiskOpenRequest struct {
	// Recover allows to replay the journal, which writes to the disk.
	Recover bool `json:"recover"`
	// DiscardRoot leaves out every change to the environment's own files.
	DiscardRoot bool `json:"discard_root"`
}

// DiskOpened is the answer.
type DiskOpened struct {
	// Opened is false for a disk whose journal is to be replayed first, and may not be.
	Opened bool `json:"opened"`
}

// DiskCopied is how far an export came; one a line is its answer.
type DiskCopied struct {
	EntryCount int64 `json:"entry_count"`
	// Bytes of file content, holes left out.
	Bytes int64 `json:"bytes"`
	// Done is set in the last line of an export that is complete.
	Done bool `json:"done,omitempty"`
	// Error is set in the last line of one that is not.
	Error *Failure `json:"error,omitempty"`
}
