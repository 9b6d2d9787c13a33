import { z } from "zod";

const limitMax = 200;
/** A page that is longer is cut before its limit. */
const pageCharactersMax = 9_000;

/** Arguments of a tool that lists. */
export function pageFields(limitDefault: string) {
  return {
    limit: z
      .number()
      .int()
      .min(1)
      .max(limitMax)
      .optional()
      .describe(`1-200, default ${limitDefault}`),
    offset: z
      .number()
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .describe("Entries to skip"),
  };
}

/** Fields that say which part of a list an answer holds. */
export const page = {
  total_count: z.number(),
  next_offset: z.number().nullable().describe("Null at the end."),
};

export interface Page<T> {
  readonly entries: readonly T[];
  readonly total_count: number;
  readonly next_offset: number | null;
}

/** A part of a list, as long as a model reads at once. */
export function pageOf<T>(
  all: readonly T[],
  { limit, offset = 0 }: { limit: number; offset?: number | undefined },
): Page<T> {
  const entries: T[] = [];
  let characters = 0;
  for (const entry of all.slice(offset, offset + limit)) {
    characters += JSON.stringify(entry).length;
    if (entries.length > 0 && characters > pageCharactersMax) break;
    entries.push(entry);
  }
  const end = offset + entries.length;
  return { entries, total_count: all.length, next_offset: end < all.length ? end : null };
}
