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

func openStream(ctx context.Context, compression string, body io.Reader) (*stream, error) {
	s := &stream{ctx: ctx, hash: sha256.New(), close: func() {}}
	compressed := bufio.NewReaderSize(body, bufferBytes)
	switch compression {
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
		return nil, protocol.Fail(protocol.CodeBadRequest, "compression is %.40q, not none, gzip or zstd", compression)
	}
	s.Reader = bufio.NewReaderSize(&digester{s}, bufferBytes)
	return s, nil
}

// digester is the stream's inner side: what is read here enters the digest.
type digester struct{ *stream }

func (d *digester) Read(into []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := d.uncompressed.Read(into)
	d.count += int64(n)
	if d.count > layerBytesMax {
		return 0, errTooLong
	}
	d.hash.Write(into[:n])
	return n, err
}

var errTooLong = protocol.Fail(protocol.CodeLimitExceeded, "the layer has more than %d bytes", int64(layerBytesMax))

// drain reads what follows the archive's end: padding is part of the digest.
func (s *stream) drain() error {
	_, err := io.Copy(io.Discard, s.Reader)
	return s.explain(err)
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

func (s *stream) digest() string { return "sha256:" + hex.EncodeToString(s.hash.Sum(nil)) }
