package steering

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Places of struct bpf_sk_lookup.
const (
	contextFamily    = 8
	contextProtocol  = 12
	contextLocalIPv4 = 40
	contextLocalIPv6 = 44
	contextLocalPort = 60
)

// Places of sockets in the hook's map.
const (
	placeStreamsIPv4 = iota
	placeStreamsIPv6
	placeQuestions
	placeCount
)

const (
	verdictDrop = 0
	verdictPass = 1
	// ownMax bounds the addresses that bridges and tunnels give the machine; those beyond are other machines'.
	ownMax       = 4096
	addressBytes = 16
)

// hook is the program in the kernel that decides which socket gets a connection that belongs to none yet.
type hook struct {
	sockets, own *ebpf.Map
	program      *ebpf.Program
	attached     *link.NetNsLink
}

func attach(streams []*net.TCPListener, questions *net.UDPConn) (made *hook, err error) {
	made = &hook{}
	defer func() {
		if err != nil {
			_ = made.close()
		}
	}()
	made.sockets, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 8, MaxEntries: placeCount})
	if err != nil {
		return made, fmt.Errorf("make a map of sockets: %w", err)
	}
	made.own, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: addressBytes, ValueSize: 4, MaxEntries: ownMax, Flags: unix.BPF_F_NO_PREALLOC})
	if err != nil {
		return made, fmt.Errorf("make a map of addresses: %w", err)
	}
	for place, listener := range streams {
		if err = made.put(uint32(placeStreamsIPv4+place), listener); err != nil {
			return made, err
		}
	}
	if err = made.put(placeQuestions, questions); err != nil {
		return made, err
	}
	made.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.SkLookup,
		AttachType:   ebpf.AttachSkLookup,
		License:      "MIT",
		Instructions: decide(made.sockets.FD(), made.own.FD()),
	})
	if err != nil {
		return made, fmt.Errorf("load the program that steers: %w", err)
	}
	// Of this thread: tests have threads in networks of their own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	network, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return made, err
	}
	defer network.Close()
	if made.attached, err = link.AttachNetNs(int(network.Fd()), made.program); err != nil {
		return made, fmt.Errorf("attach the program that steers: %w", err)
	}
	return made, nil
}

func (h *hook) put(place uint32, socket syscall.Conn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var putErr error
	err = raw.Control(func(descriptor uintptr) { putErr = h.sockets.Put(place, uint64(descriptor)) })
	if err = errors.Join(err, putErr); err != nil {
		return fmt.Errorf("hand a socket to the kernel: %w", err)
	}
	return nil
}

// setOwn tells that connections to the address are for servers of the machine, or are no more.
func (h *hook) setOwn(address netip.Addr, isOwn bool) error {
	key := address.As16()
	if isOwn {
		return h.own.Put(key[:], uint32(1))
	}
	if err := h.own.Delete(key[:]); !errors.Is(err, ebpf.ErrKeyNotExist) {
		return err
	}
	return nil
}

func (h *hook) close() error {
	var err error
	if h.attached != nil {
		err = h.attached.Close()
	}
	if h.program != nil {
		err = errors.Join(err, h.program.Close())
	}
	for _, each := range []*ebpf.Map{h.sockets, h.own} {
		if each != nil {
			err = errors.Join(err, each.Close())
		}
	}
	return err
}

// decide steers what is meant for other machines, and questions to the machine's own address. It never lets a connection
// to another machine pass on to whatever listens on all addresses.
func decide(sockets, own int) asm.Instructions {
	const ownKey, placeKey = -addressBytes, -addressBytes - 4
	ownIPv4 := Own.As4()
	// Fields of addresses hold the bytes as on the wire.
	wire := func(bytes ...byte) int32 { return int32(binary.NativeEndian.Uint32(bytes)) }
	program := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R7, asm.R6, contextLocalPort, asm.Word),
		asm.LoadMem(asm.R2, asm.R6, contextFamily, asm.Word),
		asm.JEq.Imm(asm.R2, unix.AF_INET6, "ipv6"),

		asm.Mov.Imm(asm.R8, placeStreamsIPv4),
		asm.LoadMem(asm.R3, asm.R6, contextLocalIPv4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R3),
		asm.And.Imm(asm.R4, wire(0xff, 0, 0, 0)),
		asm.JEq.Imm(asm.R4, wire(127, 0, 0, 0), "pass"),
		asm.JNE.Imm(asm.R3, wire(ownIPv4[:]...), "mapped"),
		asm.JNE.Imm(asm.R7, namesPort, "pass"),
		asm.Ja.Label("steer"),
		// The key of an address of IPv4 is the same address of IPv6.
		asm.StoreMem(asm.RFP, ownKey+12, asm.R3, asm.Word).WithSymbol("mapped"),
		asm.StoreImm(asm.RFP, ownKey, 0, asm.Word),
		asm.StoreImm(asm.RFP, ownKey+4, 0, asm.Word),
		asm.StoreImm(asm.RFP, ownKey+8, int64(wire(0, 0, 0xff, 0xff)), asm.Word),
		asm.Ja.Label("look"),

		asm.Mov.Imm(asm.R8, placeStreamsIPv6).WithSymbol("ipv6"),
	}
	for word := int16(0); word < addressBytes; word += 4 {
		program = append(program,
			asm.LoadMem(asm.R3, asm.R6, contextLocalIPv6+word, asm.Word),
			asm.StoreMem(asm.RFP, ownKey+word, asm.R3, asm.Word),
		)
	}
	return append(program,
		asm.LoadMapPtr(asm.R1, own).WithSymbol("look"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, ownKey),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),

		asm.LoadMem(asm.R2, asm.R6, contextProtocol, asm.Word).WithSymbol("steer"),
		asm.JEq.Imm(asm.R2, unix.IPPROTO_TCP, "assign"),
		asm.JEq.Imm(asm.R8, placeStreamsIPv6, "drop"),
		asm.JNE.Imm(asm.R7, namesPort, "drop"),
		asm.Mov.Imm(asm.R8, placeQuestions),

		asm.StoreMem(asm.RFP, placeKey, asm.R8, asm.Word).WithSymbol("assign"),
		asm.LoadMapPtr(asm.R1, sockets),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, placeKey),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnSkAssign.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.FnSkRelease.Call(),
		asm.JNE.Imm(asm.R8, 0, "drop"),

		asm.Mov.Imm(asm.R0, verdictPass).WithSymbol("pass"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, verdictDrop).WithSymbol("drop"),
		asm.Return(),
	)
}
