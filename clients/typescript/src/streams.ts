// Server-sent events (WHATWG HTML) as callers see them. Connecting, and connecting again, is in calls.ts.

import type { components } from "./contract.js";
import { unreachable } from "./problems.js";

type Fact = components["schemas"]["Event"];

/** One fact of a notification's history. `name`: the fact, or `end`. */
export interface Event {
  name: string;
  seq: number | undefined;
  status: Fact["status"];
  /** The channel by which it is known to have arrived; `end` does not tell it. */
  deliveredBy: Fact["delivered_by"];
  /** The fact with its reasons. */
  data: Record<string, unknown>;
}

/** The events of an answer, as they come; `heard` is called whenever anything comes. */
export async function* readEvents(response: Response, heard: () => void): AsyncGenerator<Event, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw unreachable(error);
    });
    if (done) return;
    heard();
    const frames = (waiting + decoder.decode(value, { stream: true })).split("\n\n");
    waiting = frames.pop() ?? "";
    for (const frame of frames) {
      const event = readFrame(frame);
      if (event !== undefined) yield event;
    }
  }
}

function readFrame(frame: string): Event | undefined {
  const fields = new Map<string, string>();
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
  }
  const text = fields.get("data");
  if (text === undefined) return undefined;
  const data = JSON.parse(text);
  const id = fields.get("id");
  return {
    name: fields.get("event") ?? "message",
    seq: id === undefined ? undefined : Number(id),
    status: data.status,
    deliveredBy: data.delivered_by ?? null,
    data,
  };
}
