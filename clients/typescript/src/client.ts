// The client of programs that have people informed: one method per call of a medical system, `call` for all the others.

import { Calls, type Following, type Options, pauseMs, TRIES_MAX } from "./calls.js";
import type { components } from "./contract.js";
import type { Answer, Given, Keyed, Method, Operation, PathOf } from "./operations.js";
import { NotOver, readJson } from "./problems.js";
import type { Event } from "./streams.js";

export type Schemas = components["schemas"];
/** The body of POST /v1/notifications: exactly one of `patient_id` and `recipient`. */
export type Order = Schemas["NotificationRequest"];

const BATCH_LINES = 1000;
const BATCH_BYTES_MAX = 32 * 1024 * 1024;
const BATCH_TIMEOUT_MS = 300_000;
const SUMMARY_TYPES = { pdf: "application/pdf", html: "text/html", text: "text/plain" } as const;
const KEYED: Record<Keyed, true> = {
  "/v1/notifications": true,
  "/v1/notifications/batch": true,
  "/v1/verifications": true,
};

/**
 * Calls one service as one client. Every call that could have somebody informed carries an Idempotency-Key, so it is
 * repeated without doubles when a connection breaks or the service is not ready. Calls throw NotifyProblem.
 */
export class NotifyClient {
  readonly #calls: Calls;

  constructor(baseUrl: string, clientId: string, clientSecret: string, options: Options = {}) {
    this.#calls = new Calls(baseUrl, clientId, clientSecret, options);
  }

  // --- notifications -------------------------------------------------------------------------------------------------

  /** Have somebody informed. Give `idempotencyKey` when your program may itself send the same thing twice. */
  send(order: Order, given: { idempotencyKey?: string } = {}): Promise<Schemas["Accepted"]> {
    return this.call("post", "/v1/notifications", { body: order, ...given });
  }

  /**
   * Have any number of people informed, a batch at a time: a result per order, in order, as batches are answered.
   * Orders are read as they are needed. Lines that the service could not take just now are tried again.
   */
  async *sendStream(
    orders: Iterable<Order> | AsyncIterable<Order>,
    { idempotencyKey = this.#calls.newKey() }: { idempotencyKey?: string } = {},
  ): AsyncGenerator<Schemas["BatchResult"], void, undefined> {
    let done = 0;
    for await (const lines of batches(orders)) {
      for (const result of await this.#settled(lines, `${idempotencyKey}.${done}`)) {
        yield { ...result, line: done + result.line };
      }
      done += lines.length;
    }
  }

  async #settled(lines: readonly string[], key: string): Promise<Schemas["BatchResult"][]> {
    for (let tried = 1; ; tried++) {
      const request = {
        method: "POST",
        path: "/v1/notifications/batch",
        headers: { "content-type": "application/x-ndjson", "idempotency-key": key },
        body: lines.join(""),
        repeatable: true,
        timeoutMs: BATCH_TIMEOUT_MS,
      };
      const text = await this.#calls.call(request, (response) => response.text());
      const results: Schemas["BatchResult"][] = text.trimEnd().split("\n").map((line) => JSON.parse(line));
      if (tried >= TRIES_MAX || !results.some(passes)) return results;
      await this.#calls.sleep(pauseMs(tried));
    }
  }

  /** One notification with attempts, receipts and decisions. */
  get(id: string): Promise<Schemas["Notification"]> {
    return this.call("get", "/v1/notifications/{notification_id}", { path: { notification_id: id } });
  }

  /** Notifications by reference, status, kind, phone or crisis; the newest first, by pages. */
  async *find(wanted: Schemas["Search"] = {}): AsyncGenerator<Schemas["Notification"], void, undefined> {
    const asked: Schemas["Search"] = { ...wanted };
    for (;;) {
      const page = await this.call("post", "/v1/notifications/search", { body: asked, repeatable: true });
      yield* page.data;
      if (page.next_cursor === null) return;
      asked.cursor = page.next_cursor;
    }
  }

  /** Withdraw it; repeating it changes nothing. */
  cancel(id: string): Promise<Schemas["Notification"]> {
    const path = { notification_id: id };
    return this.call("post", "/v1/notifications/{notification_id}/cancel", { path, repeatable: true });
  }

  /** Send it again by the next channel. Not repeated by itself: a second resend would be a second message. */
  resend(id: string): Promise<Schemas["Notification"]> {
    return this.call("post", "/v1/notifications/{notification_id}/resend", { path: { notification_id: id } });
  }

  /** The printed summary. */
  async summary(
    id: string,
    form: keyof typeof SUMMARY_TYPES = "pdf",
    query: Given<Operation<"get", "/v1/notifications/{notification_id}/summary">>["query"] = {},
  ): Promise<Uint8Array> {
    const path = `/v1/notifications/${encodeURIComponent(id)}/summary`;
    const request = { method: "GET", path, headers: { accept: SUMMARY_TYPES[form] }, query: { ...query } };
    const sheet = await this.#calls.call({ ...request, repeatable: true }, (response) => response.arrayBuffer());
    return new Uint8Array(sheet);
  }

  /** Wait until nothing more will happen by itself, and give the notification. Throws NotOver. */
  async wait(id: string, timeoutMs = 60_000): Promise<Schemas["Notification"]> {
    for await (const _ of this.events(id, { signal: AbortSignal.timeout(timeoutMs) }));
    const view = await this.get(id);
    if (!view.terminal) throw new NotOver(view);
    return view;
  }

  /** Facts as they are recorded, until the one named `end`; a broken stream is taken up where it broke. */
  events(id: string, following: Following = {}): AsyncGenerator<Event, void, undefined> {
    return this.#calls.events(`/v1/notifications/${encodeURIComponent(id)}/events`, following);
  }

  /** Who would be informed and how; sends nothing. */
  route(order: Order): Promise<Schemas["Route"]> {
    return this.call("post", "/v1/route", { body: order, repeatable: true });
  }

  // --- one-time codes ------------------------------------------------------------------------------------------------

  /** Have a code sent that confirms something. */
  verify(
    asked: Schemas["VerificationRequest"],
    given: { idempotencyKey?: string } = {},
  ): Promise<Schemas["Verification"]> {
    return this.call("post", "/v1/verifications", { body: asked, ...given });
  }

  /** A verification as it is now. */
  verification(id: string): Promise<Schemas["Verification"]> {
    return this.call("get", "/v1/verifications/{verification_id}", { path: { verification_id: id } });
  }

  /** Check a code; resolves only when it is right. Not repeated by itself: each check may spend an attempt. */
  check(id: string, code: string): Promise<Schemas["Verification"]> {
    const path = { verification_id: id };
    return this.call("post", "/v1/verifications/{verification_id}/check", { path, body: { code } });
  }

  /** Send the same code by the next channel. Not repeated by itself. */
  resendCode(id: string): Promise<Schemas["Verification"]> {
    return this.call("post", "/v1/verifications/{verification_id}/resend", { path: { verification_id: id } });
  }

  /** What happens to the message with the code, until the event named `end`. */
  codeEvents(id: string, following: Following = {}): AsyncGenerator<Event, void, undefined> {
    return this.#calls.events(`/v1/verifications/${encodeURIComponent(id)}/events`, following);
  }

  // --- patients ------------------------------------------------------------------------------------------------------

  /** Store the minimum of a patient; ESOZ's own person may be given as it is. */
  putPatient(id: string, document: Schemas["PatientDocument"]): Promise<Schemas["StoredPatient"]> {
    return this.call("put", "/v1/patients/{patient_id}", { path: { patient_id: id }, body: document });
  }

  /** What is stored of a patient, masked. */
  getPatient(id: string): Promise<Schemas["StoredPatient"]> {
    return this.call("get", "/v1/patients/{patient_id}", { path: { patient_id: id } });
  }

  /** Forget a patient. Status 404: there is none, which after a lost answer may be this call's own work. */
  deletePatient(id: string): Promise<undefined> {
    return this.call("delete", "/v1/patients/{patient_id}", { path: { patient_id: id } });
  }

  // --- all the others ------------------------------------------------------------------------------------------------

  /** Any call of the contract with JSON, by its method and its path as the contract writes it. */
  call<M extends Method, P extends PathOf<M>>(
    method: M,
    path: P,
    ...[given]: object extends Given<Operation<M, P>> ? [Given<Operation<M, P>>?] : [Given<Operation<M, P>>]
  ): Promise<Answer<Operation<M, P>>> {
    const said: { path?: unknown; query?: unknown; body?: unknown; idempotencyKey?: string; repeatable?: boolean } =
      given ?? {};
    const headers: Record<string, string> = {};
    if (said.body !== undefined) headers["content-type"] = "application/json";
    if (method === "post" && path in KEYED) headers["idempotency-key"] = said.idempotencyKey ?? this.#calls.newKey();
    const request = {
      method: method.toUpperCase(),
      path: filled(path, (said.path ?? {}) as Record<string, unknown>),
      headers,
      query: (said.query ?? {}) as Record<string, unknown>,
      repeatable: said.repeatable ?? (method !== "post" || "idempotency-key" in headers),
      ...(said.body === undefined ? {} : { body: JSON.stringify(said.body) }),
    };
    return this.#calls.call(request, async (response) => (response.status === 204 ? undefined : readJson(response)));
  }
}

function filled(path: string, values: Record<string, unknown>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
}

/** Whether the service may take this line a moment later. */
function passes(result: Schemas["BatchResult"]): boolean {
  return result.status === 503 || result.problem?.code === "idempotency_in_flight";
}

async function* batches(orders: Iterable<Order> | AsyncIterable<Order>): AsyncGenerator<string[], void, undefined> {
  let batch: string[] = [];
  let size = 0;
  for await (const order of orders) {
    const line = `${JSON.stringify(order)}\n`;
    const bytes = new TextEncoder().encode(line).length;
    if (batch.length === BATCH_LINES || size + bytes > BATCH_BYTES_MAX) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(line);
    size += bytes;
  }
  if (batch.length > 0) yield batch;
}
