package names

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// answered is an answer as a program sees it.
type answered struct {
	code   dnsmessage.RCode
	values []string
}

// zone is a responder whose host knows these names.
func zone(names ...string) *Responder {
	return &Responder{
		Table:    &Table{},
		Hostname: func() string { return "Pyro-Test" },
		Ask: func(_ context.Context, name string) Existence {
			if slices.Contains(names, name) {
				return Exists
			}
			return Unknown
		},
	}
}

// now does work at once.
func now(work func(context.Context)) bool {
	work(context.Background())
	return true
}

func (r *Responder) exchange(message []byte) (answer []byte) {
	r.Respond(message, now, func(sent []byte) { answer = sent })
	return answer
}

func pack(t testing.TB, message dnsmessage.Message) []byte {
	t.Helper()
	packed, err := message.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func ask(name string, kind dnsmessage.Type) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
}

func read1(t *testing.T, packed []byte) (dnsmessage.Message, answered) {
	t.Helper()
	var message dnsmessage.Message
	if err := message.Unpack(packed); err != nil {
		t.Fatal(err)
	}
	if len(packed) > answerBytesMax || !message.Response || !message.RecursionAvailable || message.Truncated || message.ID != 4711 {
		t.Errorf("%d bytes, %+v", len(packed), message.Header)
	}
	seen := answered{code: message.RCode}
	for _, record := range message.Answers {
		switch body := record.Body.(type) {
		case *dnsmessage.AResource:
			seen.values = append(seen.values, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			seen.values = append(seen.values, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.PTRResource:
			seen.values = append(seen.values, body.PTR.String())
		}
	}
	return message, seen
}

// TestAnswers: what keeps every kind of program from waiting.
func TestAnswers(t *testing.T) {
	const (
		srv   = dnsmessage.TypeSRV
		https = dnsmessage.Type(65)
		svcb  = dnsmessage.Type(64)
		any   = dnsmessage.TypeALL
	)
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5)
	r := zone("example.org", "www.example.org", "x_y.example.org", strings.TrimSuffix(long, "."))
	for _, row := range []struct {
		name string
		kind dnsmessage.Type
		code dnsmessage.RCode
		want string
	}{
		{"example.org.", dnsmessage.TypeA, 0, "198.18.1.0"},
		{"EXAMPLE.Org.", dnsmessage.TypeA, 0, "198.18.1.0"},
		{"example.org.", dnsmessage.TypeAAAA, 0, ""},
		{"example.org.", dnsmessage.TypeMX, 0, ""},
		{"example.org.", dnsmessage.TypeTXT, 0, ""},
		{"example.org.", dnsmessage.TypeNS, 0, ""},
		{"example.org.", dnsmessage.TypeSOA, 0, ""},
		{"example.org.", https, 0, ""},
		{"example.org.", svcb, 0, ""},
		{"example.org.", any, 0, ""},
		{"_http._tcp.example.org.", srv, 0, ""},
		{"www.example.org.", dnsmessage.TypeA, 0, "198.18.1.1"},
		{"x_y.example.org.", dnsmessage.TypeA, 0, "198.18.1.2"},
		{long, dnsmessage.TypeA, 0, "198.18.1.3"},
		{"nothing.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"nothing.example.", dnsmessage.TypeAAAA, 0, ""},
		{"192.0.2.1.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"0x7f000001.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"2130706433.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"a b.example.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{".", dnsmessage.TypeNS, 0, ""},
		{"localhost.", dnsmessage.TypeA, 0, "127.0.0.1"},
		{"localhost.", dnsmessage.TypeAAAA, 0, "::1"},
		{"localhost.", dnsmessage.TypeMX, 0, ""},
		{"a.b.LOCALHOST.", dnsmessage.TypeA, 0, "127.0.0.1"},
		{"notlocalhost.", dnsmessage.TypeA, dnsmessage.RCodeNameError, ""},
		{"pyro-test.", dnsmessage.TypeA, 0, "127.0.0.1"},
		{"0.1.18.198.in-addr.arpa.", dnsmessage.TypePTR, 0, "example.org."},
		{"1.0.0.127.in-addr.arpa.", dnsmessage.TypePTR, 0, "localhost."},
		{"9.9.18.198.in-addr.arpa.", dnsmessage.TypePTR, dnsmessage.RCodeNameError, ""},
		{"8.8.8.8.in-addr.arpa.", dnsmessage.TypePTR, dnsmessage.RCodeNameError, ""},
		{"1.18.198.in-addr.arpa.", dnsmessage.TypePTR, dnsmessage.RCodeNameError, ""},
		{"x.ip6.arpa.", dnsmessage.TypePTR, dnsmessage.RCodeNameError, ""},
	} {
		question := ask(row.name, row.kind)
		message, seen := read1(t, r.exchange(pack(t, question)))
		if seen.code != row.code || strings.Join(seen.values, " ") != row.want {
			t.Errorf("%s %v: %+v", row.name, row.kind, seen)
		}
		if len(message.Questions) != 1 || message.Questions[0] != question.Questions[0] {
			t.Errorf("%s: the question came back as %+v", row.name, message.Questions)
		}
	}
}

func TestOddQuestions(t *testing.T) {
	r := zone("example.org")
	change := func(with func(*dnsmessage.Message)) []byte {
		question := ask("example.org.", dnsmessage.TypeA)
		with(&question)
		return pack(t, question)
	}
	loop := append(change(func(*dnsmessage.Message) {})[:headerBytes], 0xc0, headerBytes, 0, 1, 0, 1)
	for what, row := range map[string]struct {
		message []byte
		code    dnsmessage.RCode
	}{
		"no question":       {change(func(m *dnsmessage.Message) { m.Questions = nil }), dnsmessage.RCodeFormatError},
		"two questions":     {change(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }), dnsmessage.RCodeFormatError},
		"a name in a loop":  {loop, dnsmessage.RCodeFormatError},
		"a torn question":   {change(func(*dnsmessage.Message) {})[:headerBytes+5], dnsmessage.RCodeFormatError},
		"another operation": {change(func(m *dnsmessage.Message) { m.OpCode = 4 }), dnsmessage.RCodeNotImplemented},
		"another class":     {change(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }), dnsmessage.RCodeRefused},
		"any class":         {change(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassANY }), dnsmessage.RCodeRefused},
	} {
		if _, seen := read1(t, r.exchange(row.message)); seen.code != row.code {
			t.Errorf("%s: %+v", what, seen)
		}
	}
	for what, message := range map[string][]byte{
		"nothing":        {},
		"half a header":  make([]byte, headerBytes-1),
		"another answer": change(func(m *dnsmessage.Message) { m.Response = true }),
	} {
		if answer := r.exchange(message); answer != nil {
			t.Errorf("%s was answered: %q", what, answer)
		}
	}
	extended := change(func(m *dnsmessage.Message) {
		option := dnsmessage.Resource{Body: &dnsmessage.OPTResource{}}
		if err := option.Header.SetEDNS0(4096, dnsmessage.RCodeSuccess, true); err != nil {
			t.Fatal(err)
		}
		m.Additionals = []dnsmessage.Resource{option}
	})
	if _, seen := read1(t, r.exchange(extended)); len(seen.values) != 1 {
		t.Errorf("a question that allows longer answers: %+v", seen)
	}
}

func TestNobodyWaitsWhereTooMuchIsAsked(t *testing.T) {
	r := zone("example.org")
	busy := func(func(context.Context)) bool { return false }
	var answer []byte
	r.Respond(pack(t, ask("example.org.", dnsmessage.TypeA)), busy, func(sent []byte) { answer = sent })
	if _, seen := read1(t, answer); seen.code != dnsmessage.RCodeServerFailure {
		t.Errorf("%+v", seen)
	}
}

func TestTableGivesEachNameAnAddressForGood(t *testing.T) {
	table := &Table{}
	first := map[string]netip.Addr{}
	for number := range addressCount - reservedCount {
		name := fmt.Sprintf("n%d.example", number)
		address, hasRoom := table.Allot(name)
		if !hasRoom || !Range.Contains(address) {
			t.Fatalf("%s: %v %v", name, address, hasRoom)
		}
		if number%997 == 0 {
			first[name] = address
		}
	}
	if address, hasRoom := table.Allot("one.more"); hasRoom {
		t.Errorf("one more got %v", address)
	}
	for name, address := range first {
		again, _ := table.Allot(name)
		back, found := table.Name(address)
		if again != address || back != name || !found {
			t.Errorf("%s: %v, then %v, which is %q", name, address, again, back)
		}
	}
	r := zone("one.more")
	r.Table = table
	if _, seen := read1(t, r.exchange(pack(t, ask("one.more.", dnsmessage.TypeA)))); seen.code != dnsmessage.RCodeServerFailure {
		t.Errorf("%+v", seen)
	}
	for _, text := range []string{"198.18.0.0", "198.18.0.255", "198.17.255.255", "198.20.0.0", "::ffff:198.18.1.0", "::1"} {
		if name, found := (&Table{}).Name(netip.MustParseAddr(text)); found {
			t.Errorf("%s is %q", text, name)
		}
	}
}

func TestTableBoundsWhatItRemembers(t *testing.T) {
	table := &Table{}
	label := strings.Repeat("a", 60)
	count := 0
	for ; count < addressCount; count++ {
		if _, hasRoom := table.Allot(fmt.Sprintf("%06d.%s.%s.%s", count, label, label, label)); !hasRoom {
			break
		}
	}
	if table.textBytes > textBytesMax || count < textBytesMax/nameBytesMax {
		t.Errorf("%d names of %d bytes", count, table.textBytes)
	}
}

func FuzzRespond(f *testing.F) {
	for _, seed := range []dnsmessage.Message{
		ask("example.org.", dnsmessage.TypeA), ask("example.org.", dnsmessage.TypeAAAA), ask("0.1.18.198.in-addr.arpa.", dnsmessage.TypePTR), ask("localhost.", dnsmessage.TypeALL),
	} {
		f.Add(pack(f, seed))
	}
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r := zone("example.org")
		var asked []string
		r.Ask = func(_ context.Context, name string) Existence {
			asked = append(asked, name)
			return Exists
		}
		answer := r.exchange(message)
		for _, name := range asked {
			if !isHost(name) || name != strings.ToLower(name) {
				t.Errorf("the host was asked for %q", name)
			}
		}
		if answer == nil {
			return
		}
		var decoded dnsmessage.Message
		if err := decoded.Unpack(answer); err != nil || len(answer) > answerBytesMax || !decoded.Response {
			t.Errorf("%q was answered with %q: %v", message, answer, err)
		}
		if string(answer[:2]) != string(message[:2]) {
			t.Errorf("%q was answered with %q", message, answer)
		}
	})
}
