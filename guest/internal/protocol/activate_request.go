package protocol

import (
	"encoding/base64"
	"strconv"
	"strings"
)

const (
	entropyBytesMin = 32
	entropyBytesMax = 512
	// processCountMin leaves room for a shell and what it starts.
	processCountMin       = 16
	processCountMax       = 1 << 22
	memoryReservedMibMax  = 1 << 20
	processCountDefault   = 4096
	hostnameBytesMax      = 64
	machineIDDigits       = 32
	memoryReservedDefault = 64
)

// ActivateRequest makes one machine out of a template: what must differ between clones.
type ActivateRequest struct {
	Entropy    string `json:"entropy"`
	UnixTimeNs string `json:"unix_time_ns"`
	Hostname   string `json:"hostname"`
	MachineID  string `json:"machine_id"`
	// DefaultUser absent means root.
	DefaultUser string `json:"default_user"`
	DefaultEnv  []Text `json:"default_env"`
	// DefaultCwd absent means the workspace.
	DefaultCwd Text `json:"default_cwd"`
	// ProcessCountMax of the whole workload; 0 or absent means 4096.
	ProcessCountMax int64 `json:"process_count_max"`
	// MemoryReservedMib is kept from the workload; absent means 64.
	MemoryReservedMib *int64 `json:"memory_reserved_mib"`
	// Workspace is where the data disk's directory appears; absent means /workspace.
	Workspace string `json:"workspace"`

	entropy    []byte
	unixTimeNs int64
}

// EntropyBytes is the decoded entropy.
func (r *ActivateRequest) EntropyBytes() []byte { return r.entropy }

// ForgetEntropy drops the secret once the kernel has it.
func (r *ActivateRequest) ForgetEntropy() {
	clear(r.entropy)
	r.entropy, r.Entropy = nil, ""
}

// UnixTime is in nanoseconds.
func (r *ActivateRequest) UnixTime() int64 { return r.unixTimeNs }

// Normalize checks every value and fills in what is absent.
func (r *ActivateRequest) Normalize() error {
	var err error
	r.entropy, err = base64.StdEncoding.Strict().DecodeString(r.Entropy)
	if err != nil || len(r.entropy) < entropyBytesMin || len(r.entropy) > entropyBytesMax {
		return Fail(CodeBadRequest, "entropy is not base64 of %d to %d bytes", entropyBytesMin, entropyBytesMax)
	}
	r.unixTimeNs, err = strconv.ParseInt(r.UnixTimeNs, 10, 64)
	if err != nil || r.unixTimeNs <= 0 {
		return Fail(CodeBadRequest, "unix_time_ns is %.40q, not a positive count of nanoseconds", r.UnixTimeNs)
	}
	if !isHostname(r.Hostname) {
		return Fail(CodeBadRequest, "hostname is %.80q, not a host name of at most 64 characters", r.Hostname)
	}
	if !isMachineID(r.MachineID) {
		return Fail(CodeBadRequest, "machine_id is %.80q, not 32 lower-case hex digits", r.MachineID)
	}
	if err := r.normalizeLimits(); err != nil {
		return err
	}
	return r.normalizeDefaults()
}

func (r *ActivateRequest) normalizeLimits() error {
	if r.ProcessCountMax == 0 {
		r.ProcessCountMax = processCountDefault
	}
	if r.ProcessCountMax < processCountMin || r.ProcessCountMax > processCountMax {
		return Fail(CodeBadRequest, "process_count_max is %d, not in %d to %d", r.ProcessCountMax, processCountMin, processCountMax)
	}
	if r.MemoryReservedMib == nil {
		reserved := int64(memoryReservedDefault)
		r.MemoryReservedMib = &reserved
	}
	if *r.MemoryReservedMib < 0 || *r.MemoryReservedMib > memoryReservedMibMax {
		return Fail(CodeBadRequest, "memory_reserved_mib is %d, not in 0 to %d", *r.MemoryReservedMib, memoryReservedMibMax)
	}
	return nil
}

func (r *ActivateRequest) normalizeDefaults() error {
	if r.Workspace == "" {
		r.Workspace = "/workspace"
	}
	if err := checkPath("workspace", r.Workspace); err != nil {
		return err
	}
	if !strings.HasPrefix(r.Workspace, "/") || r.Workspace == "/" || strings.Contains(r.Workspace+"/", "/../") {
		return Fail(CodeBadRequest, "workspace is %.80q, not an absolute path below the root", r.Workspace)
	}
	if r.DefaultCwd == "" {
		r.DefaultCwd = Text(r.Workspace)
	}
	if err := checkPath("default_cwd", string(r.DefaultCwd)); err != nil {
		return err
	}
	if !strings.HasPrefix(string(r.DefaultCwd), "/") {
		return Fail(CodeBadRequest, "default_cwd is %.80q, not an absolute path", string(r.DefaultCwd))
	}
	if err := checkEnvironment("default_env", r.DefaultEnv); err != nil {
		return err
	}
	return checkUser("default_user", r.DefaultUser)
}

// isHostname starts and ends with a letter or a digit.
func isHostname(name string) bool {
	if name == "" || len(name) > hostnameBytesMax || strings.Trim(name, ".-") != name {
		return false
	}
	for _, b := range []byte(name) {
		isLetter := b|0x20 >= 'a' && b|0x20 <= 'z'
		if !isLetter && (b < '0' || b > '9') && b != '.' && b != '-' {
			return false
		}
	}
	return true
}

func isMachineID(id string) bool {
	if len(id) != machineIDDigits {
		return false
	}
	for _, b := range []byte(id) {
		if (b < '0' || b > '9') && (b < 'a' || b > 'f') {
			return false
		}
	}
	return true
}
