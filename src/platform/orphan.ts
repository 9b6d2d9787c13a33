/** What a command line begins with so that its process becomes nobody's descendant and its own session's leader. */
export const orphaning = ["setsid", "--fork"] as const;
