/** The outbox's decisions, as the core makes them; a host keeps the rows, sends and waits. `openSegue` is such a host. */
import { onceStarted } from "./start.js";
import { Outbox as GeneratedOutbox } from "./wasm/segue_wasm.js";
import type { SegueEvent } from "./types.js";

/** A waiting event. */
export interface Row {
  /** Its place in the order. */
  sequence: number;
  /** What it is worth when room runs out; the least goes first, `lasting` never. */
  worth: "passing" | "ordinary" | "lasting";
  /** The event as it is sent. */
  json: string;
}

/** Events that were given up. */
export interface Lost {
  /** Dropped because the outbox was full. */
  dropped: number;
  /** Refused by the service for good. */
  refused: number;
}

/** What has to be stored as one: all of it or nothing. */
export interface Change {
  put: Row[];
  remove: number[];
  lost: Lost;
}

/** What to do now. */
export type Next =
  | { next: "empty" }
  | { next: "busy" }
  | { next: "wait"; milliseconds: number }
  | { next: "credentials" }
  | { next: "send"; sequences: number[]; body: string };

/** What came back for a batch; status 0 when nothing did. */
export interface Answer {
  status: number;
  retry_after_ms: number | null;
  body: string;
}

/** What an answer means. */
export interface Outcome {
  verdict: "accepted" | "halved" | "refused" | "credentials" | "passing";
  /** How many events the service has now. */
  taken: number;
  /** Events it will never take. */
  refused: { event_id: string; code: string; detail: string }[];
  /** What has to be stored. */
  change: Change;
}

/** Waiting events and how their delivery goes. */
export interface Outbox {
  /** What has to be stored to take an event in: its row, and what goes to make room. */
  admit(event: SegueEvent): Change;
  /** Puts the rows that the host keeps in place of those at hand. */
  replace(rows: Row[]): void;
  /** Takes over a change that is durable now. */
  apply(change: Change): void;
  /** What to do now, with a body of at most so many bytes. */
  next(now_ms: number, most_bytes: number): Next;
  /** What the answer to the batch on its way means. */
  answered(answer: Answer, now_ms: number): Outcome;
  /** The batch on its way comes back without a verdict. */
  give_back(): void;
  /** The network is back: a wait the service did not ask for ends. */
  wake(): void;
  /** The host has other credentials. */
  renew_credentials(): void;
  /** How many rows are at hand. */
  waiting(): number;
  /** Releases its memory. */
  free(): void;
}

/** Makes outboxes; call `init` first. */
export interface OutboxConstructor {
  /** An empty outbox whose retries are spread by `seed`. */
  new (seed: number): Outbox;
  /** The row that an event becomes at a place of the order. */
  row(event: SegueEvent, sequence: number): Row;
  /** Whether a row of `bytes` fits beside the waiting ones without dropping any. */
  fits(events: number, waiting_bytes: number, bytes: number): boolean;
}

/** Makes outboxes; call `init` first. */
export const Outbox = onceStarted(GeneratedOutbox) as unknown as OutboxConstructor;
