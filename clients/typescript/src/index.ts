export type { Following, Options } from "./calls.js";
export { NotifyClient } from "./client.js";
export type { Order, Schemas } from "./client.js";
export type { components, operations, paths } from "./contract.js";
export { NotifyProblem, NotOver } from "./problems.js";
export type { Problem } from "./problems.js";
export type { Event } from "./streams.js";
export { NotGenuine, verifyWebhook } from "./webhooks.js";
export type { CloudEvent } from "./webhooks.js";
