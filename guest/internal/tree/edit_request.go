package tree

import (
	"bytes"
	"encoding/binary"
	"strings"

	"pyro.dev/guest/internal/protocol"
)

const (
	editDocumentBytesMax = 4 << 20
	editLengthBytes      = 4
)

// The operations of an edit.
const (
	editWrite   = "write"
	editSymlink = "symlink"
	editDelete  = "delete"
	editMode    = "mode"
)

// editRequest is the document of POST /v1/tree/edit.
type editRequest struct {
	Operations []operation `json:"operations"`
}

// operation is one change of an edit.
type operation struct {
	Op   string        `json:"op"`
	Path protocol.Text `json:"path"`
	// Mode is octal; absent keeps what is there, or the usual for a new file.
	Mode *string `json:"mode"`
	// Size of the content of a write.
	Size   *int64        `json:"size"`
	Target protocol.Text `json:"target"`
	// Expect is the digest of what must be there; nil when nothing may be.
	Expect *string `json:"expect"`

	mode *uint32
}

// readEdit reads the document and nothing of what follows.
func readEdit(from *input) (*editRequest, error) {
	header, err := from.take(editLengthBytes)
	if err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(header))
	if length > editDocumentBytesMax {
		return nil, protocol.Fail(protocol.CodeLimitExceeded, "the edit's document has %d bytes, at most %d are taken", length, editDocumentBytesMax)
	}
	var text bytes.Buffer
	for text.Len() < length {
		piece, err := from.take(min(length-text.Len(), writeBytes))
		if err != nil {
			return nil, err
		}
		text.Write(piece)
	}
	request := &editRequest{}
	if err := protocol.Decode(text.Bytes(), request); err != nil {
		return nil, err
	}
	return request, request.check()
}

func (r *editRequest) check() error {
	if len(r.Operations) == 0 {
		return protocol.Fail(protocol.CodeBadRequest, "the edit has no operations")
	}
	known := make(map[string]bool, len(r.Operations))
	for i := range r.Operations {
		one := &r.Operations[i]
		if one.Path == "" {
			return protocol.Fail(protocol.CodeBadRequest, "operations[%d] has no path", i)
		}
		if err := CheckPath([]byte(one.Path)); err != nil {
			return err
		}
		if known[string(one.Path)] {
			return protocol.Fail(protocol.CodeBadRequest, "two operations change %s", quote([]byte(one.Path)))
		}
		known[string(one.Path)] = true
		if err := one.check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *operation) check() error {
	if o.Expect != nil && !isDigest([]byte(*o.Expect)) {
		return o.refuse("expects %.80q, which is no SHA-256 in hex", *o.Expect)
	}
	if o.Mode != nil {
		mode, err := ParseMode(*o.Mode)
		if err != nil {
			return err
		}
		o.mode = &mode
	}
	switch o.Op {
	case editWrite:
		if o.Size == nil || *o.Size < 0 || *o.Size > sizeMax {
			return o.refuse("is a write without a size of 0 to %d", int64(sizeMax))
		}
	case editSymlink:
		if o.Target == "" || len(o.Target) > pathBytesMax || strings.ContainsRune(string(o.Target), 0) {
			return o.refuse("is a link whose text is not 1 to %d bytes without NUL", pathBytesMax)
		}
	case editDelete, editMode:
		if o.Expect == nil {
			return o.refuse("is a %s of what is expected not to exist", o.Op)
		}
		if o.Op == editMode && o.mode == nil {
			return o.refuse("is a change of mode without a mode")
		}
	default:
		return o.refuse("is the unknown operation %.40q", o.Op)
	}
	return nil
}

func (o *operation) refuse(format string, values ...any) error {
	failure := protocol.Fail(protocol.CodeBadRequest, format, values...)
	failure.Message = "the operation on " + quote([]byte(o.Path)) + " " + failure.Message
	return failure
}
