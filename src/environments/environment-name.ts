import { PyroError } from "../model/errors.ts";
import { nearest } from "../model/nearest.ts";
import { catalog, findCatalogEntry } from "./catalog.ts";
import { isImageReference, parseReference } from "./oci/reference.ts";

/** `environment` if it names something that can be installed; else `environment_not_found` with the nearest name. */
export function checkEnvironmentName(environment: string): string {
  if (findCatalogEntry(environment) !== undefined) return environment;
  if (isImageReference(environment)) {
    parseReference(environment);
    return environment;
  }
  const names = catalog.map((entry) => entry.name);
  const guess = nearest(environment, names);
  throw new PyroError("environment_not_found", `There is no environment "${environment}".`, {
    hint: guess
      ? `Did you mean ${guess}? Known: ${names.join(", ")}, or any image reference with a "/", such as docker.io/library/python:3.12.`
      : `Known: ${names.join(", ")}, or any image reference with a "/", such as docker.io/library/python:3.12.`,
  });
}
