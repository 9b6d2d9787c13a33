import { z } from "zod";

/**
 * A result as it stands on the wire: its declared field names in snake_case. Keys that users chose
 * (records such as labels) are left alone, because only declared fields are renamed.
 */
export function toWire(schema: z.ZodType, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return toWire(schema.unwrap() as z.ZodType, value);
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((item) => toWire(schema.element as z.ZodType, item));
  if (schema instanceof z.ZodObject && typeof value === "object") {
    const fields = value as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(schema.shape).map(([name, field]) => [
        snakeCase(name),
        toWire(field as z.ZodType, fields[name]),
      ]),
    );
  }
  return value;
}

/** The declaration of what `toWire` answers. Times are plain strings there: their pattern is longer than all the rest. */
export function toWireSchema(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodNullable) return toWireSchema(schema.unwrap() as z.ZodType).nullable();
  if (schema instanceof z.ZodOptional) return toWireSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodArray) return z.array(toWireSchema(schema.element as z.ZodType));
  if (schema instanceof z.ZodObject) return toWireObject(schema);
  return schema instanceof z.ZodISODateTime ? z.string() : schema;
}

export function toWireObject(schema: z.ZodObject): z.ZodObject {
  return z.object(
    Object.fromEntries(
      Object.entries(schema.shape).map(([name, field]) => [
        snakeCase(name),
        toWireSchema(field as z.ZodType),
      ]),
    ),
  );
}

/** `exitCode` as `exit_code`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z0-9]+/g, (part, at: number) =>
    at === 0 ? part.toLowerCase() : /^\d/.test(part) ? part : `_${part.toLowerCase()}`,
  );
}
