// What the contract says of a call, as types: its path's values, its query, its body, its answer.

import type { paths } from "./contract.js";

export type Method = "get" | "put" | "post" | "patch" | "delete";

/** The paths that have a call by this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends { [K in M]: { responses: unknown } } ? P : never;
}[keyof paths];

export type Operation<M extends Method, P extends PathOf<M>> = paths[P][M & keyof paths[P]];

/** The JSON of a good answer; undefined when there is none. */
export type Answer<O> = O extends { responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202 | 204)]> : never;

type JsonOf<T> = T extends { content: { "application/json": infer J } } ? J : undefined;

/** What a caller gives with a call. */
export type Given<O> = {
  query?: O extends { parameters: { query?: infer Q } } ? Q : never;
  /** Yours, when your program may itself make the same call twice; otherwise one is made where one is needed. */
  idempotencyKey?: string;
  /** Whether it may be sent again when no answer came: by default not a POST, unless it carries a key. */
  repeatable?: boolean;
} & (O extends { parameters: { path: infer X } } ? { path: X } : { path?: never }) &
  (O extends { requestBody: { content: { "application/json": infer B } } } ? { body: B } : { body?: never });

/** The calls that need an Idempotency-Key. */
export type Keyed = {
  [P in keyof paths]: paths[P] extends { post: { parameters: { header: { "Idempotency-Key": string } } } } ? P : never;
}[keyof paths];
