// What a call comes to when it is refused or nobody answers.

import type { components } from "./contract.js";

/** A problem document (RFC 9457). `code` is stable; texts may change. */
export type Problem = components["schemas"]["Problem"];

/** The service refused. `status` 0: it could not be reached. */
export class NotifyProblem extends Error {
  override readonly name = "NotifyProblem";
  readonly status: number;
  /** Stable: go by it, and show `message` to people only. */
  readonly code: string;
  readonly document: Problem;
  readonly retryAfterMs: number | undefined;

  constructor(document: Partial<Problem>, retryAfterMs?: number, options?: ErrorOptions) {
    super(document.detail ?? document.title ?? "the service refused", options);
    this.status = document.status ?? 0;
    this.code = document.code ?? "";
    this.document = { type: "about:blank", title: this.message, ...document, status: this.status, code: this.code };
    this.retryAfterMs = retryAfterMs;
  }
}

/** The notification was not over within the time that the caller would wait. `view`: as it was seen last. */
export class NotOver extends Error {
  override readonly name = "NotOver";
  readonly view: components["schemas"]["Notification"];

  constructor(view: components["schemas"]["Notification"]) {
    super("the notification is not over yet; wait longer, or ask again later");
    this.view = view;
  }
}

/** A refusal as an error, also one that is not from the service itself. */
export async function problemOf(response: Response): Promise<NotifyProblem> {
  const after = response.headers.get("retry-after") ?? "";
  return new NotifyProblem(
    { status: response.status, ...readProblem(await response.text(), response.status) },
    /^\d+$/.test(after) ? Number(after) * 1000 : undefined,
  );
}

/** The JSON of a good answer. Throws NotifyProblem for what is none: it is not from the service. */
export async function readJson(response: Response): Promise<any> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new NotifyProblem({ status: response.status, ...readProblem(text, response.status) });
  }
}

export function unreachable(cause: unknown): NotifyProblem {
  const detail = `the service did not answer (${cause instanceof Error ? cause.name : typeof cause})`;
  return new NotifyProblem({ code: "unreachable", title: "No answer", detail }, undefined, { cause });
}

function readProblem(text: string, status: number): Partial<Problem> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    found = undefined;
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) {
    // Not our service: a proxy on the way.
    return { code: "unexpected_answer", title: `status ${status}, and what came is not the service's` };
  }
  if ("error" in found && typeof found.error === "string") {
    // OAuth's own shape, RFC 6749 §5.2
    const detail = "error_description" in found ? String(found.error_description) : found.error;
    return { code: found.error, title: found.error, detail };
  }
  return found;
}
