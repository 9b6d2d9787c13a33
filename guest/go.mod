module pyro.dev/guest

// The oldest that has what the code uses. From 1.25 on, the runtime of an idle
// machine looks every second whether its share of the processors has changed:
// a newer line here needs go:debug containermaxprocs=0 and updatemaxprocs=0.
go 1.24.0

require (
	github.com/klauspost/compress v1.19.2
	golang.org/x/sys v0.41.0
)

require (
	github.com/cilium/ebpf v0.21.0
	github.com/mdlayher/netlink v1.8.0
	golang.org/x/net v0.50.0
	golang.org/x/text v0.34.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/mdlayher/socket v0.5.1 // indirect
	golang.org/x/sync v0.19.0 // indirect
)
