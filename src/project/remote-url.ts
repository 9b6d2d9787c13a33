/** Where a repository is, for somebody else; undefined for one that only this machine has. No name or password is in it. */
export function remoteUrl(url: string): string | undefined {
  if (url.startsWith("/") || url.startsWith("file:")) return undefined;
  return withoutPassword(url);
}

/** An address as it may be shown and kept. */
export function withoutPassword(url: string): string {
  // Over ssh the user is part of the address.
  return url.replace(/^(https?:\/\/)[^/@]*@/i, "$1").replace(/^(ssh:\/\/[^/@:]*):[^/@]*@/i, "$1@");
}
