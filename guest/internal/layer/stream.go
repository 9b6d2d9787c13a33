package layer

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"pyro.dev/guest/internal/protocol"
)

const (
	// layerBytesMax bounds both the stream and the files it unpacks to.
	layerBytesMax = 64 << 30
	bufferBytes   = 1 << 20
	blockBytes    = 512
	// windowBytesMax is what `zstd --long` uses; a frame may ask for a thousand times that.
	windowBytesMax = 128 << 20
)

// Form is how a layer's body is packed and what is wanted of it.
type Form struct {
	// Compression is none, gzip or zstd; empty means none.
	Compression string
	// Digest is sha256 or none; empty means sha256. Without hardware behind it,
	// the digest takes longer than all the rest.
	Digest string
}

// stream is a layer's uncompressed bytes, counted and digested as they pass.
type stream struct {
	*bufio.Reader
	ctx          context.Context
	uncompressed io.Reader
	hash         hash.Hash
	count        int64
	close        func()
}

func openStream(ctx context.Context, form Form, body io.Reader) (*stream, error) {
	s := &stream{ctx: ctx, close: func() {}}
	switch form.Digest {
	case "", "sha256":
		s.hash = sha256.New()
	case "none":
	default:
		return nil, protocol.Fail(protocol.CodeBadRequest, "digest is %.40q, not sha256 or none", form.Digest)
	}
	compressed := bufio.NewReaderSize(body, bufferBytes)
	switch form.Compression {
	case "", "none":
		s.uncompressed = body
	case "gzip":
		reader, err := gzip.NewReader(compressed)
		if err != nil {
			return nil, protocol.Fail(protocol.CodeArchiveRefused, "the layer is not gzip: %v", err)
		}
		s.uncompressed = reader
	case "zstd":
		reader, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(windowBytesMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, protocol.Fail(protocol.CodeArchiveRefused, "the layer is not zstd: %v", err)
		}
		s.uncompressed, s.close = reader, reader.Close
	default:
		return nil, protocol.Fail(protocol.CodeBadRequest, "compression is %.40q, not none, gzip or zstd", form.Compression)
	}
	s.Reader = bufio.NewReaderSize(&digester{of: s}, bufferBytes)
	return s, nil
}

// digester is the stream's inner side: what is read here enters the digest.
type digester struct{ of *stream }

func (d *digester) Read(into []byte) (int, error) {
	if err := d.of.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := d.of.uncompressed.Read(into)
	d.of.count += int64(n)
	if d.of.count > layerBytesMax {
		return 0, errTooLong
	}
	if d.of.hash != nil {
		d.of.hash.Write(into[:n])
	}
	return n, err
}

var errTooLong = protocol.Fail(protocol.CodeLimitExceeded, "the layer has more than %d bytes", int64(layerBytesMax))

// drain reads what follows the archive's end: padding is part of the digest. The
// library takes some breaks between blocks for an end, but no archive has half a block.
func (s *stream) drain() error {
	if _, err := io.Copy(io.Discard, s.Reader); err != nil {
		return s.explain(err)
	}
	if s.count%blockBytes != 0 {
		return s.explain(io.ErrUnexpectedEOF)
	}
	return nil
}

// explain tells damage of the archive from what it was refused for.
func (s *stream) explain(err error) error {
	if err == nil || err == io.EOF {
		return nil
	}
	if failure, ok := errors.AsType[*protocol.Failure](err); ok {
		return failure
	}
	return protocol.Fail(protocol.CodeArchiveRefused, "the layer is damaged after %d bytes: %v", s.count, err)
}

func (s *stream) size() int64 { return s.count }

// digest is nil where none was asked for.
func (s *stream) digest() *string {
	if s.hash == nil {
		return nil
	}
	text := "sha256:" + hex.EncodeToString(s.hash.Sum(nil))
	return &text
}
