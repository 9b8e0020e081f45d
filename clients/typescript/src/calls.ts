// How the client calls: tokens, repeats, streams that go on where they broke. Which calls there are is in client.ts.

import { NotifyProblem, problemOf, readJson, unreachable } from "./problems.js";
import { type Event, readEvents } from "./streams.js";

export const TRIES_MAX = 8;
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 5_000;
const SILENCE_MAX_MS = 30_000;
const TOKEN_RENEWED_MS = 60_000;
const TOKEN_REFUSED = "invalid_token";
const TRY_AGAIN: ReadonlySet<number> = new Set([0, 502, 503, 504]);
const PASSING: ReadonlySet<string> = new Set(["idempotency_in_flight", "rate_limited"]);

/** What a caller may replace. */
export interface Options {
  /** How long one try may take. */
  timeoutMs?: number;
  /** In place of the global `fetch`: for a proxy, a client certificate or a certificate authority of your own. */
  fetch?: (address: string, init: RequestInit) => Promise<Response>;
  sleep?: (ms: number) => Promise<unknown>;
  newKey?: () => string;
}

/** How a stream is followed. `after`: the number of the last event already seen. */
export interface Following {
  after?: number;
  signal?: AbortSignal;
}

export interface Request {
  method: string;
  path: string;
  headers?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: string;
  /** Whether it may be sent again when no answer came. */
  repeatable: boolean;
  timeoutMs?: number;
}

export class Calls {
  readonly newKey: () => string;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly #baseUrl: string;
  readonly #login: string;
  readonly #timeoutMs: number;
  readonly #fetch: (address: string, init: RequestInit) => Promise<Response>;
  #token: Promise<string> | undefined;
  #tokenEndsMs = 0;

  constructor(baseUrl: string, clientId: string, clientSecret: string, options: Options) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#login = `Basic ${base64(`${clientId}:${clientSecret}`)}`;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#fetch = options.fetch ?? ((address, init) => fetch(address, init));
    this.sleep = options.sleep ?? ((ms) => new Promise((done) => setTimeout(done, ms)));
    this.newKey = options.newKey ?? (() => crypto.randomUUID());
  }

  /** Call until there is an answer that repeating would not change. Throws NotifyProblem. */
  async call<T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> {
    let renewed = false;
    for (let tried = 1; ; tried++) {
      try {
        const authorization = `Bearer ${await this.#freshToken()}`;
        return await this.#once({ ...request, headers: { ...request.headers, authorization } }, read);
      } catch (problem) {
        if (!(problem instanceof NotifyProblem)) throw problem;
        if (problem.code === TOKEN_REFUSED && !renewed) {
          // Its end was misjudged, or the service has new keys: one try with a new token.
          renewed = true;
          this.#token = undefined;
          continue;
        }
        if (!(passes(problem) && request.repeatable) || tried >= TRIES_MAX) throw problem;
        await this.sleep(Math.max(pauseMs(tried), problem.retryAfterMs ?? 0));
      }
    }
  }

  /**
   * The events of a stream until the one named `end`, however often it breaks, or until `signal`.
   * Throws NotifyProblem.
   */
  async *events(path: string, { after = 0, signal }: Following = {}): AsyncGenerator<Event, void, undefined> {
    let failures = 0;
    while (!signal?.aborted) {
      const seen = after;
      let askedMs = 0;
      try {
        for await (const event of this.#stream(path, after, signal)) {
          after = event.seq ?? after;
          yield event;
          if (event.name === "end") return;
        }
        failures = 0;
      } catch (problem) {
        if (signal?.aborted) return;
        if (!(problem instanceof NotifyProblem)) throw problem;
        failures = after > seen ? 0 : failures + 1;
        if (problem.code === TOKEN_REFUSED) this.#token = undefined;
        else if (!passes(problem)) throw problem;
        if (failures >= TRIES_MAX) throw problem;
        askedMs = problem.retryAfterMs ?? 0;
      }
      await this.sleep(Math.max(pauseMs(failures), askedMs));
    }
  }

  async *#stream(path: string, after: number, stop: AbortSignal | undefined): AsyncGenerator<Event, void, undefined> {
    const ending = new AbortController();
    const signal = AbortSignal.any(stop ? [ending.signal, stop] : [ending.signal]);
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => ending.abort(), SILENCE_MAX_MS);
    };
    const headers = { authorization: `Bearer ${await this.#freshToken()}`, "last-event-id": String(after) };
    heard();
    try {
      const response = await reached(this.#fetch(this.#baseUrl + path, { headers, signal }));
      if (!response.ok) throw await reached(problemOf(response));
      for await (const event of readEvents(response, heard)) yield event;
    } finally {
      clearTimeout(silence);
      ending.abort();
    }
  }

  async #once<T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(request.timeoutMs ?? this.#timeoutMs);
    const address = this.#baseUrl + request.path + queryOf(request.query);
    const init: RequestInit = { method: request.method, headers: request.headers ?? {}, signal, redirect: "error" };
    if (request.body !== undefined) init.body = request.body;
    const response = await reached(this.#fetch(address, init));
    if (!response.ok) throw await reached(problemOf(response));
    return await reached(read(response));
  }

  /** The token in hand, or a new one: whoever asks meanwhile waits for the same. */
  #freshToken(): Promise<string> {
    if (this.#token === undefined || performance.now() >= this.#tokenEndsMs) {
      this.#tokenEndsMs = Infinity;
      this.#token = this.#newToken().catch((problem: unknown) => {
        this.#token = undefined;
        throw problem;
      });
    }
    return this.#token;
  }

  async #newToken(): Promise<string> {
    const askedMs = performance.now();
    const request = {
      method: "POST",
      path: "/oauth/token",
      headers: { authorization: this.#login, "content-type": "application/x-www-form-urlencoded" },
      body: "grant_type=client_credentials",
      repeatable: false,
    };
    const given = await this.#once(request, readJson);
    this.#tokenEndsMs = askedMs + Math.max(given.expires_in * 1000 - TOKEN_RENEWED_MS, 1000);
    return given.access_token;
  }
}

/** Whether the same call may be answered a moment later. */
function passes(problem: NotifyProblem): boolean {
  return TRY_AGAIN.has(problem.status) || PASSING.has(problem.code);
}

/** How long to wait before the next try. */
export function pauseMs(tried: number): number {
  return Math.min(PAUSE_FIRST_MS * 2 ** Math.max(tried - 1, 0), PAUSE_MAX_MS);
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof NotifyProblem ? error : unreachable(error);
  }
}

function queryOf(query: Record<string, unknown> | undefined): string {
  const said = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return said.length ? `?${new URLSearchParams(said.map(([name, value]) => [name, String(value)]))}` : "";
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
