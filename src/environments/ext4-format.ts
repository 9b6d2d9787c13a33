/** How every disk of a machine is formatted: for the guest alone, with room for a million files. */
export const ext4Features = [
  "-t",
  "ext4",
  "-q",
  "-F",
  "-m",
  "0",
  "-b",
  "4096",
  "-i",
  "32768",
  "-J",
  "size=64",
  "-O",
  "^resize_inode",
] as const;
