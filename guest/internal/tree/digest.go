package tree

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"golang.org/x/sys/unix"
)

// digester keeps its buffers from one file to the next.
type digester struct {
	hash  hash.Hash
	piece []byte
}

// digest of an open file, as far as it goes while it is read.
func (d *digester) digest(ctx context.Context, descriptor int) (string, error) {
	if d.hash == nil {
		d.hash, d.piece = sha256.New(), make([]byte, inputBytes)
	}
	d.hash.Reset()
	for {
		n, err := unix.Read(descriptor, d.piece)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			break
		}
		d.hash.Write(d.piece[:n])
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(d.hash.Sum(sum[:0])), nil
}
