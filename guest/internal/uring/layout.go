package uring

// parameters is the kernel's struct io_uring_params.
type parameters struct {
	submissionEntries, completionEntries, flags, cpu, idle, features, wqDescriptor uint32
	_                                                                              [3]uint32
	submission                                                                     submissionOffsets
	completion                                                                     completionOffsets
}

// submissionOffsets is the kernel's struct io_sqring_offsets.
type submissionOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

// completionOffsets is the kernel's struct io_cqring_offsets.
type completionOffsets struct {
	head, tail, mask, entries, overflow, entriesAt, flags, _ uint32
	_                                                        uint64
}

// submission is the kernel's struct io_uring_sqe.
type submission struct {
	opcode, flags   uint8
	priority        uint16
	descriptor      int32
	offset, address uint64
	length, rwFlags uint32
	userData        uint64
	_               [3]uint64
}

// completion is the kernel's struct io_uring_cqe.
type completion struct {
	userData uint64
	result   int32
	flags    uint32
}

const (
	submissionBytes = 64
	completionBytes = 16

	opcodeRead = 22
	// featureSingleMap: both rings lie in one mapping.
	featureSingleMap = 1 << 0
	enterGetEvents   = 1 << 0
	entriesPlace     = 0x10000000
)
