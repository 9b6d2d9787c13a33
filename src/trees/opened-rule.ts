export type RunCategory = "git" | "shell" | "editor" | "package" | "ci" | "agent";

/**
 * When it runs: `by_itself`, by what people do without meaning to run anything (opening a directory, entering it, committing,
 * starting an agent, a shell or an interpreter there), or `when_asked`, by a build, an installation, a test, a push.
 */
export type RunMoment = "by_itself" | "when_asked";

export interface OpenedRule {
  /**
   * Separated by blanks, in lower case, matched at every depth; `*` stands for anything within a name, `**` for any
   * directories.
   */
  readonly patterns: string;
  readonly category: RunCategory;
  readonly runs: RunMoment;
  /** When and what. */
  readonly why: string;
}
