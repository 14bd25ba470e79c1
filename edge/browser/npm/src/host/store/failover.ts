/** Keeps things in the database, and in memory whenever that refuses. */
import type { Change, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { asHostError, HostError } from "../failure.js";
import type { Connection } from "./connection.js";
import type { HostStore, Meter, Recorded, Storage, Successor, Values } from "./contract.js";
import { IndexedStore } from "./indexed.js";
import { MemoryStore } from "./memory.js";

/** Rows in memory come after all in the database, so one number says where a row lies. */
const FIRST_IN_MEMORY = 2 ** 40;

/** Is told where things are kept from now on, and why not in the database. */
export type Moved = (storage: Storage, why: HostError | null) => void;

/**
 * Both stores as one. Each write tries the database first, so that it is used again as soon as it takes writes; what
 * it refused (no room, private mode, closed by the browser) stays in memory until then and is sent from there.
 */
export class FailoverStore implements HostStore {
  private readonly memory = new MemoryStore(FIRST_IN_MEMORY);
  private readonly database: IndexedStore;
  private kept: Storage = "persistent";
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly connection: Connection,
    subject: string,
    private readonly moved: Moved,
  ) {
    this.database = new IndexedStore(connection, subject);
  }

  /** A subject's store; in memory as long as the database cannot be opened. */
  static async open(connection: Connection, subject: string, moved: Moved): Promise<FailoverStore> {
    const store = new FailoverStore(connection, subject, moved);
    try {
      await connection.open();
    } catch (failure) {
      const { message } = asHostError(failure);
      store.move("memory", new HostError("storage_unavailable", `The browser keeps nothing for this page: ${message}`));
    }
    return store;
  }

  get storage(): Storage {
    return this.kept;
  }

  get unshared(): boolean {
    return this.memory.unshared;
  }

  async read<T>(key: string): Promise<T | undefined> {
    return (await this.memory.read<T>(key)) ?? (await this.database.read<T>(key).catch(() => undefined));
  }

  async write(values: Values): Promise<void> {
    await this.record([], values);
  }

  /** One write after the other, so that what moves from memory never comes after what is newer. */
  record(events: SegueEvent[], values: Values, successor?: Successor): Promise<Recorded> {
    const done = this.turn.then(() => this.attempt(events, values, successor));
    this.turn = done.catch(() => undefined);
    return done;
  }

  async oldest(most: number, shared: boolean): Promise<Row[]> {
    const rows = shared ? await this.database.oldest(most).catch(() => []) : [];
    return [...rows, ...(await this.memory.oldest(most - rows.length))];
  }

  async settle(change: Change): Promise<void> {
    const inMemory = change.remove.filter((sequence) => sequence >= FIRST_IN_MEMORY);
    const inDatabase = change.remove.filter((sequence) => sequence < FIRST_IN_MEMORY);
    const none = { dropped: 0, refused: 0 };
    await this.memory.settle({ put: [], remove: inMemory, lost: inDatabase.length === 0 ? change.lost : none });
    if (inDatabase.length > 0) await this.database.settle({ put: [], remove: inDatabase, lost: change.lost });
  }

  async meter(): Promise<Meter> {
    const memory = await this.memory.meter();
    const database = await this.database.meter().catch(() => undefined);
    if (!database) return memory;
    const lost = { dropped: database.lost.dropped + memory.lost.dropped, refused: database.lost.refused + memory.lost.refused };
    return { events: database.events + memory.events, bytes: database.bytes + memory.bytes, next: database.next, lost };
  }

  async forget(): Promise<void> {
    await this.turn;
    await this.memory.forget();
    const isKept = await this.connection.open().then(() => true, () => false);
    if (isKept) await this.database.forget();
  }

  private async attempt(events: SegueEvent[], values: Values, successor?: Successor): Promise<Recorded> {
    const carried = await this.memory.oldest(Infinity);
    try {
      const recorded = await this.database.record(events, values, successor, carried);
      await this.memory.settle({ put: [], remove: carried.map((row) => row.sequence), lost: { dropped: 0, refused: 0 } });
      this.memory.release([...Object.keys(values), ...(successor ? [successor.key] : [])]);
      if (this.kept === "memory") await this.moveValues();
      return recorded;
    } catch (failure) {
      const recorded = await this.memory.record(events, values, successor);
      this.move("memory", asHostError(failure));
      return recorded;
    }
  }

  /** The database takes writes again: the values in memory follow the events. */
  private async moveValues(): Promise<void> {
    const values = this.memory.content();
    try {
      await this.database.write(values);
      this.memory.release(Object.keys(values));
      this.move("persistent", null);
    } catch {
      // There is no room for all of them yet; the next write tries again.
    }
  }

  private move(storage: Storage, why: HostError | null): void {
    if (this.kept === storage) return;
    this.kept = storage;
    this.moved(storage, why);
  }
}
