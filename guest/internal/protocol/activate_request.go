package protocol

import "strings"

const (
	// processCountMin leaves room for a shell and what it starts.
	processCountMin       = 16
	processCountMax       = 1 << 22
	memoryReservedMibMax  = 1 << 20
	processCountDefault   = 4096
	memoryReservedDefault = 64
)

// ActivateRequest opens a machine for commands.
type ActivateRequest struct {
	Identity
	// DefaultUser absent means root.
	DefaultUser string `json:"default_user"`
	DefaultEnv  []Text `json:"default_env"`
	// OfflineEnv goes before DefaultEnv for as long as nothing gets out.
	OfflineEnv []Text `json:"offline_env"`
	// DefaultCwd absent means the workspace.
	DefaultCwd Text `json:"default_cwd"`
	// ProcessCountMax of the whole workload; 0 or absent means 4096.
	ProcessCountMax int64 `json:"process_count_max"`
	// MemoryReservedMib is kept from the workload; absent means 64.
	MemoryReservedMib *int64 `json:"memory_reserved_mib"`
	// Workspace is where the data disk's directory appears; absent means /workspace.
	Workspace string `json:"workspace"`
	// DiscardRoot throws away what the data disk holds of changes to the environment's own files.
	DiscardRoot bool `json:"discard_root"`
}

// Normalize checks every value and fills in what is absent.
func (r *ActivateRequest) Normalize() error {
	if err := r.Identity.Normalize(); err != nil {
		return err
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
	if err := checkEnvironment("offline_env", r.OfflineEnv); err != nil {
		return err
	}
	return checkUser("default_user", r.DefaultUser)
}
