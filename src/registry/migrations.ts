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
];
