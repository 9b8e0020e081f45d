// The TypeScript client against the real service, and against one that fails on the way. Run by test_typescript.py.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { NotGenuine, NotifyClient, NotifyProblem, NotOver, type Order, verifyWebhook } from "esoz-notify-client";
import { receiver, subscribe } from "./receiving_a_webhook.ts";

const { NOTIFY_URL = "", NOTIFY_LOSSY_URL = "", NOTIFY_LAB_URL = "", NOTIFY_ID = "", NOTIFY_SECRET = "" } = process.env;
const PATIENT_ID = "0198c0de-0000-7000-8000-00000000000d";
const notify = new NotifyClient(NOTIFY_URL, NOTIFY_ID, NOTIFY_SECRET);

function referral(phone: string, reference: string, number = "0123-4567-89AB-CEIK"): Order {
  return { kind: "referral_issued", data: { request_number: number }, recipient: { phone }, reference };
}

async function all<T>(coming: AsyncIterable<T>): Promise<T[]> {
  const found = [];
  for await (const one of coming) found.push(one);
  return found;
}

async function served<T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  try {
    return await use(`http://localhost:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("an answer that is lost is asked for again under the same key, and nobody is told twice", async () => {
  const lossy = new NotifyClient(NOTIFY_LOSSY_URL, NOTIFY_ID, NOTIFY_SECRET);
  const sent = await lossy.send(referral("+380000000032", "ts-lost"));
  const found = await all(notify.find({ reference: "ts-lost" }));
  assert.deepEqual(found.map((one) => one.id), [sent.id]);
});

test("the same key gives the first answer again", async () => {
  const order = referral("+380000000033", "ts-key");
  const [one, other] = await Promise.all([
    notify.send(order, { idempotencyKey: "ts-key-1" }),
    notify.send(order, { idempotencyKey: "ts-key-1" }),
  ]);
  assert.equal(one.id, other.id);
});

test("it is followed until it is delivered", async () => {
  const sent = await notify.send(referral("+380000000034", "ts-follow"));
  const events = await all(notify.events(sent.id));
  assert.equal(events.at(-1)?.name, "end");
  assert.ok(events.some((event) => event.deliveredBy === "viber"));
  const later = await all(notify.events(sent.id, { after: events.at(-2)?.seq ?? 0 }));
  assert.deepEqual(later.map((event) => event.name), ["end"]);
  assert.equal((await notify.wait(sent.id)).status, "delivered");
});

test("a refusal is an error with its document", async () => {
  await assert.rejects(notify.send(referral("+380000000035", "ts-wrong", "no-number")), (problem) => {
    assert.ok(problem instanceof NotifyProblem);
    assert.deepEqual([problem.status, problem.code], [422, "invalid_input"]);
    assert.equal(problem.document.invalid?.[0]?.pointer, "/data/request_number");
    return true;
  });
  await assert.rejects(new NotifyClient(NOTIFY_URL, NOTIFY_ID, "wrong").get(PATIENT_ID), {
    status: 401,
    code: "invalid_client",
  });
});

test("many are sent as a stream, and each has its result", async () => {
  const orders = [
    referral("+380000000036", "ts-many-1"),
    referral("+380000000036", "ts-many-2", "no-number"),
    referral("+380000000036", "ts-many-3"),
  ];
  const results = await all(notify.sendStream(orders, { idempotencyKey: "ts-many" }));
  assert.deepEqual(results.map((one) => [one.line, one.status]), [[1, 202], [2, 422], [3, 202]]);
});

test("a patient is stored, the route told and the summary printed", async () => {
  const stored = await notify.putPatient(PATIENT_ID, {
    birth_date: "1950-05-17",
    confidants: [],
    authentication_methods: [{ type: "OFFLINE" }],
  });
  assert.equal((await notify.getPatient(PATIENT_ID)).id, stored.id);
  const order: Order = {
    kind: "prescription_issued",
    patient_id: PATIENT_ID,
    data: { request_number: "0000-243P-1X53-EH38" },
    summary: { medication: "Аспірин", dosage: "по 1 вранці" },
  };
  assert.equal((await notify.route(order)).status, "print_required");
  const sent = await notify.send(order);
  const sheet = await notify.summary(sent.id, "pdf", { paper: "a5", variant: "large" });
  assert.equal(new TextDecoder().decode(sheet.slice(0, 4)), "%PDF");
  assert.equal(await notify.deletePatient(PATIENT_ID), undefined);
});

test("a code is sent, and confirms", async () => {
  const phone = "+380000000037";
  const made = await notify.verify({ purpose: "declaration", entity_id: "ts-1", recipient: { phone } });
  await all(notify.codeEvents(made.id));
  const shown = (await (await fetch(`${NOTIFY_LAB_URL}/phones/${phone}/messages`)).json()) as { text: string }[];
  const code = /\b\d{4,8}\b/.exec(shown.at(-1)?.text ?? "")?.[0] ?? "";
  await assert.rejects(notify.check(made.id, code === "0000" ? "0001" : "0000"), { status: 403, code: "code_wrong" });
  assert.equal((await notify.check(made.id, code)).status, "verified");
});

test("a webhook of the service is genuine, and nothing else is", async () => {
  const seen = new Map<string, string>();
  const secrets: string[] = [];
  const server = receiver(secrets, (id, status) => seen.set(id, status));
  await served((request, response) => server.emit("request", request, response), async (url) => {
    secrets.push("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", await subscribe(notify, `${url}/webhooks`));
    assert.equal((await fetch(`${url}/webhooks`, { method: "POST", body: "{}" })).status, 400);
    const sent = await notify.send(referral("+380000000038", "ts-webhook"));
    while (!seen.has(sent.id)) await new Promise((later) => setTimeout(later, 50));
    assert.deepEqual([...seen], [[sent.id, "delivered"]]);
  });
});

// The vector that the libraries of Standard Webhooks share.
const VECTOR = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  body: '{"test": 2432232314}',
  nowMs: 1614265330_000,
  headers: {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,bm90IHRoaXM= v2,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  },
};

test("the standard's vector is genuine; other octets, times, secrets and headers are not", async () => {
  const { secret, body, headers, nowMs } = VECTOR;
  const other = `whsec_${btoa("o".repeat(32))}`;
  assert.deepEqual(await verifyWebhook(headers, body, [other, secret], { nowMs }), { test: 2432232314 });
  assert.deepEqual(await verifyWebhook(new Headers(headers), Buffer.from(body), secret, { nowMs }), { test: 2432232314 });
  const forged: [Record<string, string>, string, string, number][] = [
    [headers, `${body} `, secret, nowMs],
    [headers, body, other, nowMs],
    [headers, body, secret, nowMs + 300_001],
    [headers, body, secret, nowMs - 300_001],
    [{ ...headers, "webhook-signature": "v1,*" }, body, secret, nowMs],
    [{ ...headers, "webhook-timestamp": "soon" }, body, secret, nowMs],
    [{ "webhook-id": "x" }, body, secret, nowMs],
  ];
  for (const [said, octets, key, at] of forged) {
    await assert.rejects(verifyWebhook(said, octets, key, { nowMs: at }), NotGenuine);
  }
});

/** A service that gives tokens, and for the rest does `answer` with the number of the request. */
function failing(answer: (request: IncomingMessage, response: ServerResponse, number: number) => void): RequestListener {
  let number = 0;
  let tokens = 0;
  return (request, response) => {
    if (request.url !== "/oauth/token") return answer(request, response, ++number);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ access_token: `t${++tokens}`, expires_in: 3600, scope: "", token_type: "Bearer" }));
  };
}

function refuse(response: ServerResponse, status: number, code: string, after?: string): void {
  response.writeHead(status, after === undefined ? {} : { "retry-after": after }).end(JSON.stringify({ code }));
}

test("failures on the way are repeated under one key, with growing pauses or as the service says", async () => {
  const keys = new Set<unknown>();
  const tokens = new Set<unknown>();
  const pauses: number[] = [];
  const answer = failing((request, response, number) => {
    keys.add(request.headers["idempotency-key"]);
    tokens.add(request.headers.authorization);
    if (number === 1) request.socket.destroy();
    else if (number === 2) refuse(response, 503, "overloaded", "7");
    else if (number === 3) response.writeHead(502).end("<html>");
    else if (number === 4) refuse(response, 409, "idempotency_in_flight");
    else if (number === 5) refuse(response, 401, "invalid_token");
    else response.writeHead(202).end('{"id": "1"}');
  });
  const sent = await served(answer, (url) => {
    const client = new NotifyClient(url, "a", "b", { sleep: async (ms) => pauses.push(ms) });
    return client.send(referral("+380000000039", "ts-failing"));
  });
  assert.equal(sent.id, "1");
  assert.equal(keys.size, 1);
  assert.equal(tokens.size, 2);
  assert.deepEqual(pauses, [100, 7000, 400, 800]);
});

test("what might be done twice is not repeated by itself, and tries have an end", async () => {
  let tries = 0;
  const answer = failing((_, response) => {
    tries++;
    refuse(response, 503, "overloaded");
  });
  await served(answer, async (url) => {
    const client = new NotifyClient(url, "a", "b", { sleep: async () => undefined });
    await assert.rejects(client.resend(PATIENT_ID), { status: 503 });
    assert.equal(tries, 1);
    await assert.rejects(client.get(PATIENT_ID), { status: 503 });
    assert.equal(tries, 9);
    await assert.rejects(all(client.events(PATIENT_ID)), { status: 503 });
    assert.equal(tries, 17);
  });
});

test("a broken stream is taken up where it broke, and waiting has an end", async () => {
  const asked: unknown[] = [];
  const answer = failing((request, response) => {
    if (!request.url?.endsWith("/events")) return void response.end('{"id": "1", "terminal": false}');
    const after = request.headers["last-event-id"];
    asked.push(after);
    if (asked.length === 3) return refuse(response, 401, "invalid_token");
    response.setHeader("content-type", "text/event-stream");
    const seq = Number(after) + 1;
    response.write(`: connected\n\nid: ${seq}\nevent: Fact\ndata: {"status": "in_delivery", `);
    response.write(`"seq": ${seq}}\n\n`, () => {
      if (asked.length === 1) request.socket.destroy();
      else if (asked.length === 2) response.end();
      else if (asked.length === 4) response.end('event: end\ndata: {"status": "delivered"}\n\n');
    });
  });
  await served(answer, async (url) => {
    const client = new NotifyClient(url, "a", "b", { sleep: async () => undefined });
    const events = await all(client.events(PATIENT_ID));
    assert.deepEqual(asked, ["0", "1", "2", "2"]);
    assert.deepEqual(events.map((event) => event.seq), [1, 2, 3, undefined]);
    await assert.rejects(client.wait(PATIENT_ID, 50), NotOver);
  });
});
