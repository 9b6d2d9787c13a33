package tree

import (
	"bytes"
	"strconv"

	"pyro.dev/guest/internal/protocol"
)

// records reads and checks the records of a stream.
type records struct {
	*input
	current record
	count   int64
	// texts keeps path and target where attributes follow them.
	texts []byte
}

// The fields in their order.
const (
	fieldKind = iota
	fieldMode
	fieldSize
	fieldModified
	fieldUID
	fieldGID
	fieldInode
	fieldDigest
	fieldAttributes
	fieldCount
)

// next answers the next record, nil at the end of the stream. Content of files is the caller's to take.
func (r *records) next() (*record, error) {
	header, err := r.takeRecord()
	if err != nil {
		return nil, err
	}
	attributeCount, err := r.parse(header)
	if err != nil {
		return nil, r.locate(err)
	}
	if r.current.kind == typeEnd {
		return nil, r.checkEnd(attributeCount)
	}
	if err := r.check(); err != nil {
		return nil, r.locate(err)
	}
	r.count++
	if r.count > recordsMax {
		return nil, protocol.Fail(protocol.CodeLimitExceeded, "the stream has more than %d records", recordsMax)
	}
	if attributeCount > 0 {
		err = r.takeAttributes(attributeCount)
	}
	return &r.current, err
}

// takeRecord answers everything up to the target's NUL, that left out.
func (r *records) takeRecord() ([]byte, error) {
	const limit = fieldsBytesMax + 2*(pathBytesMax+1)
	searched, pathEnd := 0, -1
	for {
		buffered := r.buffered()
		for searched < len(buffered) {
			nul := bytes.IndexByte(buffered[searched:], 0)
			if nul < 0 {
				searched = len(buffered)
				break
			}
			if pathEnd >= 0 {
				length := searched + nul
				r.start += length + 1
				return buffered[:length], nil
			}
			pathEnd = searched + nul
			searched = pathEnd + 1
		}
		if len(buffered) > limit {
			return nil, r.locate(malformed("has no end within %d bytes", limit))
		}
		if _, err := r.require(len(buffered) + 1); err != nil {
			return nil, err
		}
	}
}

func (r *records) locate(err error) error {
	failure := protocol.AsFailure(err)
	return &protocol.Failure{
		Code:    failure.Code,
		Message: failure.Message + " (record " + strconv.FormatInt(r.count+1, 10) + ")",
	}
}

// parse fills in the current record and answers the count of its attributes.
func (r *records) parse(header []byte) (attributeCount int, err error) {
	nul := bytes.IndexByte(header, 0)
	texts, target := header[:nul], header[nul+1:]
	var fields [fieldCount][]byte
	for i := range fields {
		space := bytes.IndexByte(texts, ' ')
		if space < 0 {
			return 0, malformed("%d fields before the path, not %d", i, fieldCount)
		}
		fields[i], texts = texts[:space], texts[space+1:]
	}
	r.current = record{path: texts, target: target, attributes: r.current.attributes[:0]}
	if len(fields[fieldKind]) != 1 {
		return 0, malformed("the type is %.20q", fields[fieldKind])
	}
	r.current.kind = fields[fieldKind][0]
	numbers := fieldReader{fields: &fields}
	r.current.mode = uint32(numbers.read(fieldMode, "the mode", 8, modeMax))
	r.current.size = int64(numbers.read(fieldSize, "the size", 10, sizeMax))
	r.current.uid = uint32(numbers.read(fieldUID, "the owner", 10, 1<<32-1))
	r.current.gid = uint32(numbers.read(fieldGID, "the group", 10, 1<<32-1))
	r.current.inode = numbers.read(fieldInode, "the inode", 10, 1<<64-1)
	attributeCount = int(numbers.read(fieldAttributes, "the count of attributes", 10, attributesMax))
	r.current.modifiedNs = numbers.readSigned(fieldModified, "the time")
	r.current.digest = numbers.readDigest()
	return attributeCount, numbers.err
}

// check holds against each other what was fine by itself.
func (r *records) check() error {
	one := &r.current
	if bytes.IndexByte([]byte("fdlhpscb"), one.kind) < 0 {
		return malformed("the type is %q", one.kind)
	}
	if len(one.path) == 0 && (r.count > 0 || one.kind == typeFurtherName) {
		return malformed("the path is empty, which only the first record's can be")
	}
	if err := CheckPath(one.path); err != nil {
		return err
	}
	if one.size != 0 && one.kind != typeFile {
		return malformed("a size of %d of what is no file", one.size)
	}
	switch one.kind {
	case typeLink:
		if len(one.target) == 0 || len(one.target) > pathBytesMax {
			return malformed("a link's text of %d bytes, not of 1 to %d", len(one.target), pathBytesMax)
		}
	case typeFurtherName:
		if len(one.target) == 0 {
			return malformed("a further name of nothing")
		}
		return CheckPath(one.target)
	default:
		if len(one.target) != 0 {
			return malformed("a target of what is no link")
		}
	}
	return nil
}

func (r *records) checkEnd(attributeCount int) error {
	one := &r.current
	if one.size != r.count {
		return malformed("the end counts %d records, there were %d", one.size, r.count)
	}
	if len(one.path) != 0 || len(one.target) != 0 || attributeCount != 0 {
		return malformed("the end has a path, a target or attributes")
	}
	hasEnded, err := r.hasEnded()
	if err != nil {
		return err
	}
	if !hasEnded {
		return malformed("something follows its end")
	}
	return nil
}

func (r *records) takeAttributes(count int) error {
	one := &r.current
	pathLength := len(one.path)
	r.texts = append(append(r.texts[:0], one.path...), one.target...)
	one.path, one.target = r.texts[:pathLength], r.texts[pathLength:]
	for range count {
		name, err := r.takeText(attributeNameMax, "an attribute's name")
		if err != nil {
			return err
		}
		if len(name) <= len(attributePrefix) || string(name[:len(attributePrefix)]) != attributePrefix {
			return malformed("the attribute %s does not start with %s", quote(name), attributePrefix)
		}
		added := attribute{name: string(name)}
		text, err := r.takeText(len("65536"), "an attribute's length")
		if err != nil {
			return err
		}
		length, isNumber := parseDigits(text, 10, attributeBytesMax)
		if !isNumber {
			return malformed("the length of attribute %s is %.20q, not 0 to %d", quote([]byte(added.name)), text, attributeBytesMax)
		}
		value, err := r.take(int(length))
		if err != nil {
			return err
		}
		added.value = bytes.Clone(value)
		one.attributes = append(one.attributes, added)
	}
	return nil
}

// fieldReader keeps the first fault of several fields.
type fieldReader struct {
	fields *[fieldCount][]byte
	err    error
}

func (f *fieldReader) read(field int, what string, base, limit uint64) uint64 {
	value, isNumber := parseDigits(f.fields[field], base, limit)
	if !isNumber && f.err == nil {
		f.err = malformed("%s is %.30q", what, f.fields[field])
	}
	return value
}

func (f *fieldReader) readSigned(field int, what string) int64 {
	text := f.fields[field]
	isNegative := len(text) > 0 && text[0] == '-'
	if isNegative {
		text = text[1:]
	}
	value, isNumber := parseDigits(text, 10, 1<<63-1)
	if !isNumber && f.err == nil {
		f.err = malformed("%s is %.30q", what, f.fields[field])
	}
	if isNegative {
		return -int64(value)
	}
	return int64(value)
}

func (f *fieldReader) readDigest() string {
	text := f.fields[fieldDigest]
	switch {
	case len(text) == 1 && text[0] == digestNone[0]:
		return digestNone
	case len(text) == 1 && text[0] == digestUnchanged[0]:
		return digestUnchanged
	case isDigest(text):
		return string(text)
	}
	if f.err == nil {
		f.err = malformed("the digest is %.80q", text)
	}
	return ""
}

// isDigest tells whether it is SHA-256 in lower-case hex.
func isDigest(text []byte) bool {
	for _, digit := range text {
		if (digit < '0' || digit > '9') && (digit < 'a' || digit > 'f') {
			return false
		}
	}
	return len(text) == digestDigits
}

// parseDigits takes nothing but digits.
func parseDigits(text []byte, base, limit uint64) (uint64, bool) {
	const digitsMax = 20
	if len(text) == 0 || len(text) > digitsMax {
		return 0, false
	}
	value := uint64(0)
	for _, character := range text {
		digit := uint64(character - '0')
		if digit >= base || value > (limit-digit)/base {
			return 0, false
		}
		value = value*base + digit
	}
	return value, true
}
