// For receivers of webhooks: whether an event is from the service, and what it says. Standard Webhooks, by WebCrypto.

import type { components } from "./contract.js";

/** What a receiver is sent; its notification is under `data`. */
export type CloudEvent = components["schemas"]["CloudEvent"];

/** It is not from the service, or was sent too long ago: answer 400 and do nothing. */
export class NotGenuine extends Error {
  override readonly name = "NotGenuine";
}

type Headers_ = Headers | Record<string, string | readonly string[] | undefined>;

/**
 * Check an event and give it as it was sent. `headers`: as your server has them; `body`: byte for byte as it came;
 * `secrets`: all that are good now, while one is being rotated. Throws NotGenuine.
 */
export async function verifyWebhook(
  headers: Headers_,
  body: Uint8Array | string,
  secrets: string | readonly string[],
  { nowMs = Date.now(), toleranceMs = 300_000 }: { nowMs?: number; toleranceMs?: number } = {},
): Promise<CloudEvent> {
  const id = header(headers, "webhook-id");
  const at = header(headers, "webhook-timestamp");
  const shown = header(headers, "webhook-signature").split(" ");
  if (!/^\d{1,12}$/.test(at)) throw new NotGenuine("webhook-timestamp must be Unix seconds");
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${at}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const keys = await Promise.all([secrets].flat().map(keyOf));
  const signatures = shown.filter((one) => one.startsWith("v1,")).map((one) => fromBase64(one.slice(3)));
  const fits = await Promise.all(
    keys.flatMap((key) => signatures.map((one) => one !== undefined && crypto.subtle.verify("HMAC", key, one, signed))),
  );
  if (!fits.includes(true)) throw new NotGenuine("no signature is of a secret that is good now");
  if (Math.abs(nowMs - Number(at) * 1000) > toleranceMs) {
    throw new NotGenuine("it was sent too long ago, or a clock is wrong");
  }
  return JSON.parse(new TextDecoder().decode(bytes));
}

function header(headers: Headers_, name: string): string {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const found = entries.find(([given]) => given.toLowerCase() === name)?.[1];
  if (typeof found !== "string" || found === "") throw new NotGenuine(`the header ${name} is missing`);
  return found;
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = fromBase64(secret.replace(/^whsec_/, ""));
  if (bytes === undefined || bytes.length === 0) throw new TypeError("a secret is whsec_ and base64");
  return await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (symbol) => symbol.charCodeAt(0));
  } catch {
    return undefined;
  }
}
