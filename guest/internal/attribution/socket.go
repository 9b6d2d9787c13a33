package attribution

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Of linux/inet_diag.h.
const (
	diagRequestBytes = 56
	diagAnswerBytes  = 72
	diagInodeAt      = 68
	diagStateAt      = 1
	diagGroup        = 21
	allStates        = ^uint32(0)
)

// socket is what the kernel tells of one.
type socket struct {
	number uint32
	group  uint64
}

// findSocket asks for the one that a connection's client has. The first time, the kernel loads a module for it.
func (t *Tracer) findSocket(client, server netip.AddrPort) (socket, error) {
	if t.kernel == nil {
		connection, err := netlink.Dial(unix.NETLINK_INET_DIAG, nil)
		if err != nil {
			return socket{}, err
		}
		t.kernel = connection
	}
	answers, err := t.kernel.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request},
		Data:   diagRequest(client, server),
	})
	if err != nil {
		return socket{}, err
	}
	if len(answers) != 1 || len(answers[0].Data) < diagAnswerBytes {
		return socket{}, errors.New("the kernel answers otherwise than expected")
	}
	return readAnswer(answers[0].Data)
}

// diagRequest is a struct inet_diag_req_v2.
func diagRequest(client, server netip.AddrPort) []byte {
	request := make([]byte, 0, diagRequestBytes)
	family := byte(unix.AF_INET)
	if client.Addr().Is6() {
		family = unix.AF_INET6
	}
	request = append(request, family, unix.IPPROTO_TCP, 0, 0)
	request = binary.NativeEndian.AppendUint32(request, allStates)
	request = binary.BigEndian.AppendUint16(request, client.Port())
	request = binary.BigEndian.AppendUint16(request, server.Port())
	for _, address := range []netip.Addr{client.Addr(), server.Addr()} {
		var field [16]byte
		copy(field[:], address.AsSlice())
		request = append(request, field[:]...)
	}
	// No interface, and any cookie.
	request = binary.NativeEndian.AppendUint32(request, 0)
	return append(request, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
}

// readAnswer refuses a socket that listens: one whose client has left is looked for among those as well.
func readAnswer(answer []byte) (socket, error) {
	const listening = unix.BPF_TCP_LISTEN
	if answer[diagStateAt] == listening {
		return socket{}, errors.New("the client is gone")
	}
	found := socket{number: binary.NativeEndian.Uint32(answer[diagInodeAt:])}
	attributes, err := netlink.NewAttributeDecoder(answer[diagAnswerBytes:])
	if err != nil {
		return socket{}, err
	}
	for attributes.Next() {
		if attributes.Type() == diagGroup {
			found.group = attributes.Uint64()
		}
	}
	return found, attributes.Err()
}
