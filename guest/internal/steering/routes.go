package steering

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// routesTable holds one route for each family: everything is delivered here.
	routesTable = 7953
	// rulesPriority comes after the machine's own tables, so that bridges and tunnels made in it keep working.
	rulesPriority = 40000
	loopbackIndex = 1
	add           = netlink.Request | netlink.Acknowledge | netlink.Create
)

// A rule's attributes and kinds (linux/fib_rules.h).
const (
	ruleToTable   = 1
	rulePriority  = 6
	ruleTable     = 15
	ruleProtocol  = 22
	rulePortRange = 24
)

// routes speaks to the kernel of addresses, routes and rules.
type routes struct{ socket *netlink.Conn }

func dialRoutes() (*routes, error) {
	socket, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("speak of routes: %w", err)
	}
	return &routes{socket}, nil
}

func (r *routes) close() { _ = r.socket.Close() }

// change sends one message: a header of the kernel's, then attributes.
func (r *routes) change(kind uint16, flags netlink.HeaderFlags, header []byte, attributes *netlink.AttributeEncoder) error {
	encoded, err := attributes.Encode()
	if err != nil {
		return err
	}
	_, err = r.socket.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: flags},
		Data:   append(header, encoded...),
	})
	return err
}

func bytesOf[T any](value T) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&value)), unsafe.Sizeof(value))...)
}

func (r *routes) addAddress() error {
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.IFA_LOCAL, Own.AsSlice())
	attributes.Bytes(unix.IFA_ADDRESS, Own.AsSlice())
	header := unix.IfAddrmsg{Family: unix.AF_INET, Prefixlen: 32, Index: loopbackIndex}
	if err := r.change(unix.RTM_NEWADDR, add|netlink.Replace, bytesOf(header), attributes); err != nil {
		return fmt.Errorf("give lo the address %s: %w", Own, err)
	}
	return nil
}

// open begins to deliver here what has no other route.
func (r *routes) open(hasIPv6 bool) error {
	for _, family := range families(hasIPv6) {
		if err := r.addRoute(family); err != nil {
			return fmt.Errorf("deliver everything here: %w", err)
		}
		for _, made := range rulesOf(family) {
			if err := r.change(unix.RTM_NEWRULE, add|netlink.Excl, made.header(), made.attributes()); err != nil && !errors.Is(err, unix.EEXIST) {
				return fmt.Errorf("add a rule of routing: %w", err)
			}
		}
	}
	return nil
}

// clear is content with nothing being there.
func (r *routes) clear() error {
	var failed error
	for _, family := range families(true) {
		for _, made := range rulesOf(family) {
			err := r.change(unix.RTM_DELRULE, netlink.Request|netlink.Acknowledge, made.header(), made.attributes())
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EOPNOTSUPP) {
				failed = errors.Join(failed, fmt.Errorf("remove a rule of routing: %w", err))
			}
		}
	}
	return failed
}

func families(hasIPv6 bool) []uint8 {
	if hasIPv6 {
		return []uint8{unix.AF_INET, unix.AF_INET6}
	}
	return []uint8{unix.AF_INET}
}

func (r *routes) addRoute(family uint8) error {
	attributes := netlink.NewAttributeEncoder()
	attributes.Uint32(unix.RTA_TABLE, routesTable)
	attributes.Uint32(unix.RTA_OIF, loopbackIndex)
	if family == unix.AF_INET {
		attributes.Bytes(unix.RTA_PREFSRC, Own.AsSlice())
	}
	header := unix.RtMsg{Family: family, Table: unix.RT_TABLE_UNSPEC, Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_HOST, Type: unix.RTN_LOCAL}
	return r.change(unix.RTM_NEWROUTE, add|netlink.Replace, bytesOf(header), attributes)
}

// rule leads a protocol to the table; port 0 is all.
type rule struct {
	family   uint8
	protocol uint8
	port     uint16
	priority uint32
}

func rulesOf(family uint8) []rule {
	made := []rule{{family, unix.IPPROTO_TCP, 0, rulesPriority}}
	if family == unix.AF_INET {
		made = append(made, rule{family, unix.IPPROTO_UDP, namesPort, rulesPriority + 1})
	}
	return made
}

// header is a struct fib_rule_hdr.
func (r rule) header() []byte {
	return []byte{r.family, 0, 0, 0, unix.RT_TABLE_UNSPEC, 0, 0, ruleToTable, 0, 0, 0, 0}
}

func (r rule) attributes() *netlink.AttributeEncoder {
	attributes := netlink.NewAttributeEncoder()
	attributes.Uint32(rulePriority, r.priority)
	attributes.Uint32(ruleTable, routesTable)
	attributes.Uint8(ruleProtocol, r.protocol)
	if r.port != 0 {
		attributes.Bytes(rulePortRange, bytesOf([2]uint16{r.port, r.port}))
	}
	return attributes
}

// followAddresses tells the hook of the machine's own addresses, now and whenever they change.
func followAddresses(hook *hook) (*addresses, error) {
	socket, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)})
	if err != nil {
		return nil, fmt.Errorf("follow the machine's addresses: %w", err)
	}
	request := netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETADDR, Flags: netlink.Request | netlink.Dump},
		Data:   bytesOf(unix.IfAddrmsg{}),
	}
	known, err := socket.Execute(request)
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("list the machine's addresses: %w", err)
	}
	takeAddresses(hook, known)
	go func() {
		for {
			changed, err := socket.Receive()
			if errors.Is(err, unix.ENOBUFS) {
				continue
			}
			if err != nil {
				return
			}
			takeAddresses(hook, changed)
		}
	}()
	return &addresses{stop: socket.Close}, nil
}

func takeAddresses(hook *hook, messages []netlink.Message) {
	const headerBytes = unix.SizeofIfAddrmsg
	for _, message := range messages {
		isNew := message.Header.Type == unix.RTM_NEWADDR
		if !isNew && message.Header.Type != unix.RTM_DELADDR || len(message.Data) < headerBytes {
			continue
		}
		attributes, err := netlink.NewAttributeDecoder(message.Data[headerBytes:])
		if err != nil {
			continue
		}
		// A peer's address is the other machine's; the local one comes beside it.
		var local, address netip.Addr
		for attributes.Next() {
			switch attributes.Type() {
			case unix.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(attributes.Bytes())
			case unix.IFA_ADDRESS:
				address, _ = netip.AddrFromSlice(attributes.Bytes())
			}
		}
		if !local.IsValid() {
			local = address
		}
		if local.IsValid() && local != Own {
			_ = hook.setOwn(local, isNew)
		}
	}
}
