/** A name, and what a person would tell it by. */
export interface KnownName {
  readonly value: string;
  readonly summary: string;
}
