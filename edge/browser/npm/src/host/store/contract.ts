/** What the host asks of a place to keep things. */
import type { Change, Lost, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import type { HostError } from "../failure.js";

/** Whether what is kept outlives the page. */
export type Storage = "persistent" | "memory";

/** Values by key; one that is undefined is removed. */
export type Values = Record<string, unknown>;

/** A value that follows from the one kept, whichever tab kept that. */
export interface Successor {
  key: string;
  /** Called in the transaction; called again when that failed and another store takes over. */
  after(kept: unknown): unknown;
}

/** How much waits in the outbox. */
export interface Meter {
  events: number;
  bytes: number;
  /** The place of the next event in the order. */
  next: number;
  lost: Lost;
}

/** What became of events handed over. */
export interface Recorded {
  /** Where they are now. */
  storage: Storage;
  /** The rows that wait now. */
  rows: Row[];
  /** Why the outbox would not take one of them; the values are kept even so. */
  refusal: HostError | null;
}

/** A place for one subject's waiting events and named values, shared by all tabs. Each method is one transaction. */
export interface HostStore {
  /** Whether it outlives the page. */
  readonly storage: Storage;
  /** Whether events wait that no other tab can see. */
  readonly unshared: boolean;
  /** A value. */
  read<T>(key: string): Promise<T | undefined>;
  /** Keeps values, all or none; they survive a crash once this returns. */
  write(values: Values): Promise<void>;
  /** Keeps events and values, all or none; they survive a crash once this returns. */
  record(events: SegueEvent[], values: Values, successor?: Successor): Promise<Recorded>;
  /** The oldest waiting events, at most so many; without those that other tabs see where they are not asked for. */
  oldest(most: number, shared: boolean): Promise<Row[]>;
  /** Carries out what an answer of the service led to. */
  settle(change: Change): Promise<void>;
  /** How much waits. */
  meter(): Promise<Meter>;
  /** Deletes everything of the subject. */
  forget(): Promise<void>;
}
