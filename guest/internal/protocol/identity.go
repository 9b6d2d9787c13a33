package protocol

import (
	"encoding/base64"
	"strconv"
	"strings"
)

const (
	entropyBytesMin  = 32
	entropyBytesMax  = 512
	hostnameBytesMax = 64
	machineIDDigits  = 32
)

// Identity is what must differ between the clones of a template.
type Identity struct {
	Entropy    string `json:"entropy"`
	UnixTimeNs string `json:"unix_time_ns"`
	Hostname   string `json:"hostname"`
	MachineID  string `json:"machine_id"`

	entropy    []byte
	unixTimeNs int64
}

// EntropyBytes is the decoded entropy.
func (i *Identity) EntropyBytes() []byte { return i.entropy }

// ForgetEntropy drops the secret once the kernel has it.
func (i *Identity) ForgetEntropy() {
	clear(i.entropy)
	i.entropy, i.Entropy = nil, ""
}

// UnixTime is in nanoseconds.
func (i *Identity) UnixTime() int64 { return i.unixTimeNs }

// Normalize checks every value.
func (i *Identity) Normalize() error {
	var err error
	i.entropy, err = base64.StdEncoding.Strict().DecodeString(i.Entropy)
	if err != nil || len(i.entropy) < entropyBytesMin || len(i.entropy) > entropyBytesMax {
		return Fail(CodeBadRequest, "entropy is not base64 of %d to %d bytes", entropyBytesMin, entropyBytesMax)
	}
	if i.unixTimeNs, err = ParseUnixTime(i.UnixTimeNs); err != nil {
		return err
	}
	if !isHostname(i.Hostname) {
		return Fail(CodeBadRequest, "hostname is %.80q, not a host name of at most 64 characters", i.Hostname)
	}
	if !isMachineID(i.MachineID) {
		return Fail(CodeBadRequest, "machine_id is %.80q, not 32 lower-case hex digits", i.MachineID)
	}
	return nil
}

// ParseUnixTime reads a moment, which does not fit into a number of JSON.
func ParseUnixTime(text string) (int64, error) {
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || nanoseconds <= 0 {
		return 0, Fail(CodeBadRequest, "unix_time_ns is %.40q, not a positive count of nanoseconds", text)
	}
	return nanoseconds, nil
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
