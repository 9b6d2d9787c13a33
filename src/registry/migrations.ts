/** The schema's history. A released entry never changes; a new one is added at the end. */
export const migrations: readonly string[] = [
  `CREATE TABLE vms (
     vm_id TEXT PRIMARY KEY,
     environment TEXT NOT NULL,
     state TEXT NOT NULL,
     vcpu_count INTEGER NOT NULL,
     mem_mib INTEGER NOT NULL,
     created_at TEXT NOT NULL,
     expires_at TEXT NOT NULL,
     driver TEXT,
     execution_mode TEXT,
     isolation TEXT,
     failure TEXT,
     pid INTEGER,
     start_ticks TEXT,
     boot_id TEXT
   ) STRICT`,
  `CREATE TABLE workspaces (
     workspace_id TEXT PRIMARY KEY,
     name TEXT,
     labels TEXT NOT NULL,
     environment TEXT NOT NULL,
     image_id TEXT,
     state TEXT NOT NULL,
     failure TEXT,
     work TEXT,
     driver TEXT NOT NULL,
     execution_mode TEXT NOT NULL,
     isolation TEXT NOT NULL,
     network_policy TEXT NOT NULL,
     vcpu_count INTEGER NOT NULL,
     mem_mib INTEGER NOT NULL,
     created_at TEXT NOT NULL,
     last_activity_at TEXT NOT NULL,
     expires_at TEXT,
     seed TEXT NOT NULL,
     baseline_mark TEXT,
     reset_count INTEGER NOT NULL DEFAULT 0,
     last_reset_at TEXT,
     command_count INTEGER NOT NULL DEFAULT 0,
     pid INTEGER,
     start_ticks TEXT,
     boot_id TEXT
   ) STRICT;
   CREATE UNIQUE INDEX workspace_names ON workspaces (name) WHERE name IS NOT NULL;
   CREATE TABLE commands (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     sequence INTEGER NOT NULL,
     command TEXT NOT NULL,
     cwd TEXT NOT NULL,
     started_at TEXT NOT NULL,
     ended_at TEXT,
     exit_code INTEGER,
     signal TEXT,
     timed_out INTEGER NOT NULL DEFAULT 0,
     out_of_memory INTEGER NOT NULL DEFAULT 0,
     not_started TEXT,
     interrupted TEXT,
     duration_ms REAL,
     stdout_bytes INTEGER NOT NULL DEFAULT 0,
     stderr_bytes INTEGER NOT NULL DEFAULT 0,
     stdout_dropped_bytes INTEGER NOT NULL DEFAULT 0,
     stderr_dropped_bytes INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (workspace_id, sequence)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE events (
     event_id INTEGER PRIMARY KEY,
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     at TEXT NOT NULL,
     kind TEXT NOT NULL,
     text TEXT NOT NULL
   ) STRICT;
   CREATE INDEX events_of_workspace ON events (workspace_id, event_id);
   CREATE TABLE snapshots (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     name TEXT NOT NULL,
     created_at TEXT NOT NULL,
     stored_bytes INTEGER NOT NULL,
     PRIMARY KEY (workspace_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE services (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     name TEXT NOT NULL,
     state TEXT NOT NULL,
     PRIMARY KEY (workspace_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE secrets (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     name TEXT NOT NULL,
     source_kind TEXT NOT NULL,
     PRIMARY KEY (workspace_id, name)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE ended_workspaces (
     workspace_id TEXT PRIMARY KEY,
     name TEXT,
     ended_at TEXT NOT NULL,
     reason TEXT NOT NULL
   ) STRICT, WITHOUT ROWID`,
  // How often a workspace changed: tells whether its directory describes it as it was later than this registry knows.
  `ALTER TABLE workspaces ADD COLUMN revision INTEGER NOT NULL DEFAULT 0`,
  // When a workspace's time is over by the clock of the host's boot, which nobody can set.
  `ALTER TABLE workspaces ADD COLUMN deadline TEXT`,
  // What an emulated CPU can do; v2 was all there was. A VM may leave it to its environment until it starts.
  `ALTER TABLE workspaces ADD COLUMN cpu TEXT DEFAULT 'v2';
   ALTER TABLE vms ADD COLUMN cpu TEXT DEFAULT 'v2'`,
  // A VM is a workspace that nobody looks after; one that has no driver was never started.
  `INSERT INTO workspaces (workspace_id, labels, environment, image_id, state, failure, driver, execution_mode,
     isolation, network_policy, vcpu_count, mem_mib, cpu, created_at, last_activity_at, expires_at, seed,
     pid, start_ticks, boot_id)
   SELECT vm_id, '{}', environment, 'unknown', CASE state WHEN 'created' THEN 'stopped' WHEN 'starting' THEN 'stopped'
     ELSE state END, failure, coalesce(driver, ''), coalesce(execution_mode, 'host_compat'),
     coalesce(isolation, 'none'), 'off', vcpu_count, mem_mib, cpu, created_at, created_at, expires_at,
     '{"mode":"empty","seedPath":null,"entryCount":0,"bytes":0,"skippedCount":0,"skipped":[],"changedWhileRead":[],"warnings":[]}',
     pid, start_ticks, boot_id FROM vms;
   DROP TABLE vms`,
  // What is known of services, and which ports of the host lead to which of a guest.
  `ALTER TABLE services ADD COLUMN definition TEXT NOT NULL DEFAULT '{}';
   ALTER TABLE services ADD COLUMN status TEXT NOT NULL DEFAULT '{}';
   ALTER TABLE services ADD COLUMN is_resumable INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE published_ports (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     host_port INTEGER NOT NULL,
     guest_port INTEGER NOT NULL,
     service TEXT,
     PRIMARY KEY (workspace_id, host_port)
   ) STRICT, WITHOUT ROWID`,
  // What a workspace may reach, and what its programs tried to.
  `ALTER TABLE workspaces ADD COLUMN egress TEXT NOT NULL DEFAULT '{"preset":"open","rules":[]}';
   CREATE TABLE connections (
     workspace_id TEXT NOT NULL REFERENCES workspaces ON DELETE CASCADE,
     connection_id INTEGER NOT NULL,
     at TEXT NOT NULL,
     source TEXT,
     program TEXT NOT NULL,
     host TEXT NOT NULL,
     port INTEGER NOT NULL,
     address TEXT,
     verdict TEXT NOT NULL,
     rule TEXT NOT NULL,
     reason TEXT NOT NULL,
     count INTEGER NOT NULL,
     ended_at TEXT,
     failure TEXT,
     sent_bytes INTEGER NOT NULL,
     received_bytes INTEGER NOT NULL,
     PRIMARY KEY (workspace_id, connection_id)
   ) STRICT, WITHOUT ROWID`,
];
