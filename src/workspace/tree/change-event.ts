import type { OutgoingHttpHeaders } from "node:http2";
import { eventHeader } from "../supervisor/requests.ts";

/** What the supervisor writes into the journal once the change is made. */
export function changeEvent(kind: string, text: string): OutgoingHttpHeaders {
  const event = JSON.stringify({ kind, text: text.slice(0, 1000) });
  return { [eventHeader]: Buffer.from(event, "utf8").toString("base64") };
}
