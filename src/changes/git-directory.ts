/** Characters that some file systems do not see in a name (HFS+). */
const ignorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/**
 * Whether a component of a path is git's own directory, in any spelling that some file system takes for it: other
 * cases, trailing dots and blanks, a stream name, the short name of Windows, invisible characters.
 */
export function isGitDirectoryName(component: string): boolean {
  const seen = Buffer.from(component, "latin1").toString("utf8").replace(ignorable, "");
  return /^(?:\.git|git~1)[. ]*(?:$|[:\\])/i.test(seen);
}

/** Whether a path leads into, or is, a directory of git. */
export function isInGitDirectory(path: string): boolean {
  // Nearly every path takes this exit; the loop below decodes each component.
  if (!/git|[\x80-\xff]/i.test(path)) return false;
  return path.split("/").some(isGitDirectoryName);
}
