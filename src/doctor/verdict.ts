import type { DoctorCheck } from "../model/results.ts";

export function ok(name: string, message: string): DoctorCheck {
  return { name, status: "ok", message, fix: null };
}

export function warn(name: string, message: string, fix: string | null): DoctorCheck {
  return { name, status: "warn", message, fix };
}

export function fail(name: string, message: string, fix: string | null): DoctorCheck {
  return { name, status: "fail", message, fix };
}
