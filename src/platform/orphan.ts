/**
 * What a command line begins with so that its process becomes nobody's descendant and its own session's leader, and leaves no file of what it
 * has in memory should it crash: supervisors and machines hold secrets there.
 */
export const orphaning = ["prlimit", "--core=0", "setsid", "--fork"] as const;
