package attribution

import (
	"encoding/binary"
	"errors"
	"net/netip"

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
	// answerBytesMax is more than the kernel says of a socket without being asked for more.
	answerBytesMax = 4096
)

var errUnexpected = errors.New("the kernel answers otherwise than expected")

// socket is what the kernel tells of one.
type socket struct {
	number uint32
	group  uint64
}

// findSocket asks for the one that a connection's client has. The first time, the kernel loads a module for it.
func (t *Tracer) findSocket(client, server netip.AddrPort) (socket, error) {
	if t.kernel < 0 {
		kernel, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
		if err != nil {
			return socket{}, err
		}
		t.kernel = kernel
	}
	if err := unix.Sendto(t.kernel, diagRequest(client, server), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return socket{}, err
	}
	// The kernel has answered by now: a request is done when it is sent.
	n, err := unix.Read(t.kernel, t.answer[:])
	if err != nil {
		return socket{}, err
	}
	return readAnswer(t.answer[:n])
}

// diagRequest is a message with a struct inet_diag_req_v2.
func diagRequest(client, server netip.AddrPort) []byte {
	const total = unix.NLMSG_HDRLEN + diagRequestBytes
	request := binary.NativeEndian.AppendUint32(make([]byte, 0, total), total)
	request = binary.NativeEndian.AppendUint16(request, unix.SOCK_DIAG_BY_FAMILY)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST)
	request = append(request, 0, 0, 0, 0, 0, 0, 0, 0)
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
	if len(answer) < unix.NLMSG_HDRLEN+diagAnswerBytes || binary.NativeEndian.Uint16(answer[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return socket{}, errUnexpected
	}
	told := answer[unix.NLMSG_HDRLEN:]
	if told[diagStateAt] == listening {
		return socket{}, errors.New("the client is gone")
	}
	found := socket{number: binary.NativeEndian.Uint32(told[diagInodeAt:])}
	for rest := told[diagAnswerBytes:]; len(rest) >= unix.SizeofRtAttr; {
		length := int(binary.NativeEndian.Uint16(rest))
		if length < unix.SizeofRtAttr || length > len(rest) {
			return socket{}, errUnexpected
		}
		if binary.NativeEndian.Uint16(rest[2:]) == diagGroup && length == unix.SizeofRtAttr+8 {
			found.group = binary.NativeEndian.Uint64(rest[unix.SizeofRtAttr:])
		}
		rest = rest[min((length+3)&^3, len(rest)):]
	}
	return found, nil
}
