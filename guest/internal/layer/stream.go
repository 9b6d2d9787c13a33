package layer

import (
	"bufio"
	"bytes"
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

// stream is a layer's uncompressed bytes, counted and digested as they pass.
type stream struct {
	*bufio.Reader
	ctx          context.Context
	uncompressed io.Reader
	hash         hash.Hash
	count        int64
	close        func()
}

// openStream reads a layer. Its digest is sha256 or none, and empty means
// sha256: without hardware behind it, it takes longer than all the rest.
func openStream(ctx context.Context, digest string, body io.Reader) (*stream, error) {
	s := &stream{ctx: ctx, close: func() {}}
	switch digest {
	case "", "sha256":
		s.hash = sha256.New()
	case "none":
	default:
		return nil, protocol.Fail(protocol.CodeBadRequest, "digest is %.40q, not sha256 or none", digest)
	}
	if err := s.unpack(bufio.NewReaderSize(body, bufferBytes)); err != nil {
		return nil, err
	}
	s.Reader = bufio.NewReaderSize(&digester{of: s}, bufferBytes)
	return s, nil
}

var (
	gzipMagic = []byte("\x1f\x8b")
	zstdMagic = []byte("\x28\xb5\x2f\xfd")
	// otherPackings are those that a layer may have elsewhere.
	otherPackings = map[string][]byte{"xz": []byte("\xfd7zXZ\x00"), "lz4": []byte("\x04\x22\x4d\x18"), "bzip2": []byte("BZh91AY&SY")}
)

// unpack goes by the first bytes: builders and registries label layers wrongly,
// and what counts is the digest of what comes out.
func (s *stream) unpack(packed *bufio.Reader) error {
	start, err := packed.Peek(len("BZh91AY&SY"))
	// An empty layer may have no bytes at all.
	if err != nil && err != io.EOF {
		return s.explain(err)
	}
	switch {
	case bytes.HasPrefix(start, gzipMagic):
		reader, err := gzip.NewReader(packed)
		if err != nil {
			return protocol.Fail(protocol.CodeArchiveRefused, "its gzip header is damaged: %v", err)
		}
		s.uncompressed = reader
	case bytes.HasPrefix(start, zstdMagic):
		reader, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(windowBytesMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			return protocol.Fail(protocol.CodeArchiveRefused, "its zstd header is damaged: %v", err)
		}
		s.uncompressed, s.close = reader, reader.Close
	default:
		for name, magic := range otherPackings {
			if bytes.HasPrefix(start, magic) {
				return protocol.Fail(protocol.CodeArchiveRefused, "it is packed with %s; gzip, zstd and plain tars are read", name)
			}
		}
		s.uncompressed = packed
	}
	return nil
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
	var failure *protocol.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return protocol.Fail(protocol.CodeArchiveRefused, "the archive is damaged after %d unpacked bytes: %v", s.count, err)
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
