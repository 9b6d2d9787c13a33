/** Which tools a server offers, from few to all; each profile holds the ones before it. */
export const profiles = {
  "vm-run": "one command in a VM that is gone afterwards",
  "workspace-core": "persistent workspaces: commands, files, changes",
  "workspace-full": "also shells, services, snapshots, stop and start, and VMs step by step",
} as const;

export type ProfileName = keyof typeof profiles;

export const profileNames = Object.keys(profiles) as ProfileName[];

export const defaultProfile: ProfileName = "workspace-core";

/** Whether `profile` offers what belongs to `member` and those after it. */
export function holds(profile: ProfileName, member: ProfileName): boolean {
  return profileNames.indexOf(member) <= profileNames.indexOf(profile);
}
