package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"

	"pyro.dev/guest/internal/protocol"
)

// Record is one piece of a log.
type Record struct {
	Kind protocol.FrameKind
	// TimeNs is when it was written, since 1970.
	TimeNs int64
	// Payload is only valid until the next record.
	Payload []byte
	// IsLast says that there is no other at this moment.
	IsLast bool
}

// LogQuery is what is asked of a log.
type LogQuery struct {
	// Cursor is where to begin; what is not kept any more is left out.
	Cursor int64
	// TailLines is how many of the last lines at least are to come; negative for all. Whoever reads cuts what is too much.
	TailLines int64
	// SinceNs leaves out what is older.
	SinceNs int64
	// IsLive tells whether more is to come and to be waited for; nil for never.
	IsLive func() bool
}

// Read hands on what was asked for, and answers where what is kept begins and where to read on.
func (l *Log) Read(ctx context.Context, query LogQuery, hand func(Record) error) (protocol.LogEnd, error) {
	reader := &logReader{log: l, buffer: make([]byte, recordHeaderBytes+recordPayloadMax)}
	defer reader.close()
	position := query.Cursor
	if query.TailLines >= 0 {
		position = max(position, reader.tail(query.TailLines))
	}
	for {
		// Asked before looking: what came before the end is read.
		isLive := query.IsLive != nil && query.IsLive()
		segments, end, changed, isClosed := l.extent()
		position = min(position, end)
		for position < end {
			record, next, isKept := reader.at(position, segments, end)
			position = next
			if !isKept || record.TimeNs < query.SinceNs {
				continue
			}
			record.IsLast = position == end
			if err := hand(record); err != nil {
				return protocol.LogEnd{}, err
			}
			if err := ctx.Err(); err != nil {
				return protocol.LogEnd{}, err
			}
		}
		if !isLive || isClosed {
			first := end
			if len(segments) > 0 {
				first = segments[0].start
			}
			return protocol.LogEnd{FirstCursor: first, NextCursor: position}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return protocol.LogEnd{}, ctx.Err()
		}
	}
}

// logReader keeps one segment open, which may be gone from the directory meanwhile.
type logReader struct {
	log    *Log
	buffer []byte
	opened segment
	file   *os.File
}

func (r *logReader) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

// at answers the record at a position, and where the next one is. What is
// damaged or not kept any more ends the segment for the reader.
func (r *logReader) at(position int64, segments []segment, end int64) (record Record, next int64, isKept bool) {
	from, limit, isKept := segmentAt(position, segments, end)
	if !isKept {
		return Record{}, limit, false
	}
	if r.file == nil || r.opened != from {
		r.close()
		r.opened, r.file = from, r.log.openSegment(from)
	}
	if r.file == nil {
		return Record{}, limit, false
	}
	record, length := parseRecord(r.file, r.buffer, position-from.start)
	if length == 0 || position+length > limit {
		return Record{}, limit, false
	}
	return record, position + length, true
}

// segmentAt answers the segment of a position and where that ends; or, where the
// position is not kept any more, where what is kept begins.
func segmentAt(position int64, segments []segment, end int64) (from segment, limit int64, isKept bool) {
	limit = end
	for i := len(segments) - 1; i >= 0; i-- {
		if position >= segments[i].start {
			return segments[i], limit, true
		}
		limit = segments[i].start
	}
	return segment{}, limit, false
}

// parseRecord answers no length where there is no record.
func parseRecord(file io.ReaderAt, buffer []byte, offset int64) (record Record, length int64) {
	header := buffer[:recordHeaderBytes]
	if _, err := file.ReadAt(header, offset); err != nil {
		return Record{}, 0
	}
	bytes := binary.BigEndian.Uint32(header[9:])
	kind := protocol.FrameKind(header[0])
	isKnown := kind == protocol.FrameOutput || kind == protocol.FrameError || kind == droppedKind && bytes == 8
	if !isKnown || bytes == 0 || bytes > recordPayloadMax {
		return Record{}, 0
	}
	record = Record{Kind: kind, TimeNs: int64(binary.BigEndian.Uint64(header[1:]))}
	payload := buffer[recordHeaderBytes : recordHeaderBytes+bytes]
	if _, err := file.ReadAt(payload, offset+recordHeaderBytes); err != nil {
		return Record{}, 0
	}
	record.Payload = payload
	return record, recordHeaderBytes + int64(bytes)
}

// tail answers where the last lines begin. Both outputs may begin in the middle
// of a line there, so there are two lines more.
func (r *logReader) tail(lines int64) int64 {
	segments, end, _, _ := r.log.extent()
	wanted := int(min(lines, segmentsMax*segmentBytesMax)) + 2
	for i := len(segments) - 1; i >= 0; i-- {
		var positions, counts []int64
		for position := segments[i].start; position < end; {
			record, next, isKept := r.at(position, segments[i:], end)
			if isKept {
				positions = append(positions, position)
				counts = append(counts, int64(bytes.Count(record.Payload, []byte{'\n'})))
			}
			position = next
		}
		for j := len(positions) - 1; j >= 0; j-- {
			wanted -= int(counts[j])
			if wanted <= 0 {
				return positions[j]
			}
		}
		end = segments[i].start
	}
	return 0
}
