import type { ToolAnnotations } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { ResultName } from "../model/declarations.ts";
import type { HostRoots } from "../project/host-roots.ts";
import type { ProjectSource } from "../project/project-source.ts";
import type { Pyro } from "../sdk.ts";
import type { BulkAnswer } from "./answers/bulk-answer.ts";
import type { NetworkWish } from "./answers/network-wish.ts";
import type { ProfileName } from "./profiles.ts";

/** What a tool does to the world; decides its annotations. */
export type Effect =
  /** Looks and changes nothing. */
  | "read"
  /** Makes something new. */
  | "create"
  /** Changes a guest, which is disposable and has no network. */
  | "guest"
  /** The same; doing it twice is doing it once. */
  | "guest-idempotent"
  /** Writes to the host. */
  | "host"
  /** Removes what cannot be brought back. */
  | "destroy";

/**
 * The hints of each effect. No guest has a network and none outlives its deletion, which is why work inside one is neither
 * destructive nor open to the world.
 */
export const annotationsOf: Readonly<Record<Effect, Omit<ToolAnnotations, "title">>> = {
  read: hints({ readOnlyHint: true, idempotentHint: true }),
  create: hints({}),
  guest: hints({}),
  "guest-idempotent": hints({ idempotentHint: true }),
  host: hints({ destructiveHint: true }),
  destroy: hints({ destructiveHint: true, idempotentHint: true }),
};

function hints(given: Omit<ToolAnnotations, "title">): Omit<ToolAnnotations, "title"> {
  return {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
    ...given,
  };
}

/** What a call has at hand. */
export interface Call {
  /** The engine; loaded by the first call that asks. */
  pyro(): Promise<Pyro>;
  readonly roots: HostRoots;
  /** Undefined when the server knows no project. */
  readonly project: ProjectSource | undefined;
  /** Aborted when the client takes the call back or goes away. */
  readonly signal: AbortSignal;
  /** Tells the client what is being done. */
  report(step: string): void;
}

/** A result of the SDK, to be told as JSON. */
export interface RecordAnswer {
  /** As its declaration says; camelCase. */
  readonly value: unknown;
  /** Fields of the tool's own beside the result's, named as on the wire. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** What the model may do now. */
  readonly next?: string | undefined;
  /** What a person may be asked about. */
  readonly wish?: NetworkWish | undefined;
}

interface Declared<Input extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  /** Its first sentence says when to use it. */
  readonly description: string;
  readonly input: Input;
  /** Names of arguments that only the largest profile offers. */
  readonly fullOnly?: readonly string[];
  readonly effect: Effect;
  /** The smallest profile that offers it. */
  readonly profile: ProfileName;
  /** Shown to models at once by clients that otherwise load tools on demand. */
  readonly isEntry?: boolean;
}

/** A tool that answers with text. */
export interface BulkTool<Input extends z.ZodObject = z.ZodObject> extends Declared<Input> {
  readonly kind: "bulk";
  run(input: z.infer<Input>, call: Call): Promise<BulkAnswer>;
}

/** A tool that answers with JSON. */
export interface RecordTool<Input extends z.ZodObject = z.ZodObject> extends Declared<Input> {
  readonly kind: "record";
  readonly result: ResultName;
  /** Declares the fields of `extra`. */
  readonly extra?: z.ZodRawShape;
  run(input: z.infer<Input>, call: Call): Promise<RecordAnswer>;
}

export type Tool = BulkTool | RecordTool;

/** Checks a declaration's types; its input decides those of `run`. */
export function bulkTool<Input extends z.ZodObject>(
  declared: Omit<BulkTool<Input>, "kind">,
): BulkTool<Input> {
  return { kind: "bulk", ...declared };
}

export function recordTool<Input extends z.ZodObject>(
  declared: Omit<RecordTool<Input>, "kind">,
): RecordTool<Input> {
  return { kind: "record", ...declared };
}
