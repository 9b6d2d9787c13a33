package protocol

// Kinds of frame on a forwarded connection, both ways.
const (
	// ForwardData are bytes of the connection.
	ForwardData FrameKind = 1
	// ForwardCredit lets the other side send so many bytes more: a 4-byte number.
	ForwardCredit FrameKind = 2
	// ForwardEnd says that the sender of it sends no more data.
	ForwardEnd FrameKind = 3
)

// What either side may send before the first credit, and may then have on its way:
// connections that nobody reads at the other end cost no more, however many there are.
const (
	ForwardWindowToHost  = 128 << 10
	ForwardWindowToGuest = 64 << 10
	// ForwardCreditBytes is the payload of a credit.
	ForwardCreditBytes = 4
)
