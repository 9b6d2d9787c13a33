import type {
  WorkspaceDiff,
  WorkspaceLogs,
  WorkspacePatchExport,
  WorkspaceSummary,
} from "../model/workspace-results.ts";
import type { WorkspaceContext } from "../workspace/life/workspace-context.ts";
import type {
  DiffOptions,
  ExportPatchOptions,
  LogsOptions,
  StreamDiffOptions,
  StreamedDiff,
  SummaryOptions,
} from "../workspace/life/workspace-options.ts";
import {
  diffWorkspace,
  exportWorkspacePatch,
  streamWorkspaceDiff,
} from "../workspace/review/diff-workspace.ts";
import { logsWorkspace, summarizeWorkspace } from "../workspace/review/review-workspace.ts";
import { TreeMethods } from "./tree-methods.ts";

/** What became of a workspace. */
export class ReviewMethods extends TreeMethods {
  readonly #context: WorkspaceContext;

  constructor(context: WorkspaceContext) {
    super(context);
    this.#context = context;
  }

  /** The commands since the last reset, with what they wrote. */
  logsWorkspace(id: string, options: LogsOptions = {}): Promise<WorkspaceLogs> {
    return logsWorkspace(this.#context, id, options);
  }

  /** What a reviewer looks at, on one screen. */
  summarizeWorkspace(id: string, options: SummaryOptions = {}): Promise<WorkspaceSummary> {
    return summarizeWorkspace(this.#context, id, options);
  }

  /** What changed since the workspace was created. */
  diffWorkspace(id: string, options: DiffOptions = {}): Promise<WorkspaceDiff> {
    return diffWorkspace(this.#context, id, options);
  }

  /** The same text as bytes, which need not be UTF-8, and without a limit. */
  streamWorkspaceDiff(id: string, options: StreamDiffOptions): Promise<StreamedDiff> {
    return streamWorkspaceDiff(this.#context, id, options);
  }

  /** Writes the changes as a patch that `git apply` takes. */
  exportWorkspacePatch(id: string, options: ExportPatchOptions): Promise<WorkspacePatchExport> {
    return exportWorkspacePatch(this.#context, id, options);
  }
}
