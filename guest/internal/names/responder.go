package names

import (
	"context"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// QuestionBytesMax is the longest question that is read; those of real programs are far shorter.
	QuestionBytesMax = 1024
	answerBytesMax   = 512
	headerBytes      = 12
	// ttlSeconds frees nothing: an address stands for its name for good.
	ttlSeconds = 1
)

// Existence is what the host knows of a name.
type Existence int

const (
	// Unknown is also that of a name about which nobody could be asked: an error makes some programs wait for seconds.
	Unknown Existence = iota
	Exists
)

// Responder answers questions.
type Responder struct {
	Table *Table
	// Ask asks the host whether a name exists.
	Ask func(ctx context.Context, name string) Existence
	// Hostname is the machine's own name now.
	Hostname func() string
}

// question is one that makes sense.
type question struct {
	header dnsmessage.Header
	asked  dnsmessage.Question
	name   string
}

// reply is what a question is answered with.
type reply struct {
	code dnsmessage.RCode
	// body is nil for none.
	body dnsmessage.ResourceBody
}

var nothing = reply{code: dnsmessage.RCodeSuccess}

// Respond answers one message; nil for what is not a question, or nobody can be answered. slow runs what has to ask
// the host, and may refuse by answering false.
func (r *Responder) Respond(message []byte, slow func(work func(context.Context)) bool, send func([]byte)) {
	asked, refusal := read(message)
	if asked == nil {
		if refusal != nil {
			send(refusal)
		}
		return
	}
	if ready, isReady := r.known(asked); isReady {
		send(asked.encode(ready))
		return
	}
	began := slow(func(ctx context.Context) { send(asked.encode(r.ask(ctx, asked.name))) })
	if !began {
		send(asked.encode(reply{code: dnsmessage.RCodeServerFailure}))
	}
}

// read answers the question, or what refuses it.
func read(message []byte) (*question, []byte) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || header.Response {
		return nil, nil
	}
	first, err := parser.Question()
	if err != nil {
		return nil, refuse(header, dnsmessage.RCodeFormatError)
	}
	if _, err = parser.Question(); err != dnsmessage.ErrSectionDone {
		return nil, refuse(header, dnsmessage.RCodeFormatError)
	}
	if header.OpCode != 0 {
		return nil, refuse(header, dnsmessage.RCodeNotImplemented)
	}
	if first.Class != dnsmessage.ClassINET {
		return nil, refuse(header, dnsmessage.RCodeRefused)
	}
	return &question{header, first, plain(first.Name.String())}, nil
}

// refuse answers with a header alone.
func refuse(header dnsmessage.Header, code dnsmessage.RCode) []byte {
	builder := dnsmessage.NewBuilder(make([]byte, 0, headerBytes), answerHeader(header, code))
	answer, err := builder.Finish()
	if err != nil {
		return nil
	}
	return answer
}

func answerHeader(header dnsmessage.Header, code dnsmessage.RCode) dnsmessage.Header {
	return dnsmessage.Header{
		ID:                 header.ID,
		Response:           true,
		OpCode:             header.OpCode,
		RecursionDesired:   header.RecursionDesired,
		RecursionAvailable: true,
		RCode:              code,
	}
}

// known answers what needs no host. There are no addresses of IPv6 but the loopback's, and no records of other types: an
// empty answer makes no program wait, and no program that asked for both takes it for the name's absence.
func (r *Responder) known(asked *question) (reply, bool) {
	if asked.asked.Type == dnsmessage.TypePTR {
		return r.nameOf(asked.name), true
	}
	if isLocalhost(asked.name) || asked.name == plain(r.Hostname()) {
		return loopback(asked.asked.Type), true
	}
	if asked.name == "" {
		return nothing, true
	}
	if !isHost(asked.name) {
		return reply{code: dnsmessage.RCodeNameError}, true
	}
	if asked.asked.Type != dnsmessage.TypeA {
		return nothing, true
	}
	address, found := r.Table.Address(asked.name)
	if !found {
		return reply{}, false
	}
	return addressReply(address), true
}

func (r *Responder) ask(ctx context.Context, name string) reply {
	if r.Ask(ctx, name) != Exists {
		return reply{code: dnsmessage.RCodeNameError}
	}
	address, hasRoom := r.Table.Allot(name)
	if !hasRoom {
		return reply{code: dnsmessage.RCodeServerFailure}
	}
	return addressReply(address)
}

func addressReply(address netip.Addr) reply {
	return reply{body: &dnsmessage.AResource{A: address.As4()}}
}

func loopback(kind dnsmessage.Type) reply {
	switch kind {
	case dnsmessage.TypeA:
		return addressReply(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	case dnsmessage.TypeAAAA:
		return reply{body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}}
	}
	return nothing
}

func (r *Responder) nameOf(reverse string) reply {
	address, found := reversed(reverse)
	name := ""
	switch {
	case !found:
	case address.IsLoopback():
		name = "localhost"
	default:
		name, _ = r.Table.Name(address)
	}
	if name == "" {
		return reply{code: dnsmessage.RCodeNameError}
	}
	pointer, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return reply{code: dnsmessage.RCodeServerFailure}
	}
	return reply{body: &dnsmessage.PTRResource{PTR: pointer}}
}

// encode repeats the question as it was asked: some programs vary its case and compare. What a program said of longer
// answers is passed over; none is longer than every program takes.
func (q *question) encode(with reply) []byte {
	builder := dnsmessage.NewBuilder(make([]byte, 0, answerBytesMax), answerHeader(q.header, with.code))
	builder.EnableCompression()
	err := builder.StartQuestions()
	if err == nil {
		err = builder.Question(q.asked)
	}
	if err == nil && with.body != nil {
		if err = builder.StartAnswers(); err == nil {
			err = addRecord(&builder, dnsmessage.ResourceHeader{Name: q.asked.Name, Class: dnsmessage.ClassINET, TTL: ttlSeconds}, with.body)
		}
	}
	if err == nil {
		var answer []byte
		if answer, err = builder.Finish(); err == nil && len(answer) <= answerBytesMax {
			return answer
		}
	}
	return refuse(q.header, dnsmessage.RCodeServerFailure)
}

func addRecord(builder *dnsmessage.Builder, header dnsmessage.ResourceHeader, body dnsmessage.ResourceBody) error {
	switch record := body.(type) {
	case *dnsmessage.AResource:
		return builder.AResource(header, *record)
	case *dnsmessage.AAAAResource:
		return builder.AAAAResource(header, *record)
	case *dnsmessage.PTRResource:
		return builder.PTRResource(header, *record)
	}
	panic("names: a record that is never answered")
}
