/**
 * The front door for pages and bundlers.
 *
 * `openSegue` is all a page needs: it fetches, keeps, re-ranks and sends. `init`, `Engine` and `Outbox` are the parts
 * it is made of, for hosts of your own.
 */
export { Engine } from "./engine.js";
export * from "./errors.js";
export { HostError } from "./host/failure.js";
export type { Host, HostEvents, HostState, LoggedSlate, NewEvent } from "./host/host.js";
export { openSegue } from "./host/open.js";
export { EVERYONE, type HostOptions } from "./host/options.js";
export type { Bundle } from "./host/supply/bundle.js";
export * from "./outbox.js";
export { init, type ModuleSource } from "./start.js";
export type * from "./types.js";
