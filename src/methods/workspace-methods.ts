import { DiskMethods } from "./disk-methods.ts";

/**
 * The flat methods about workspaces: one class, written in as many files as there are things to do, each of which extends the
 * one before. Everywhere, `id` is an id, a unique prefix of one, or a name.
 */
export class WorkspaceMethods extends DiskMethods {}
