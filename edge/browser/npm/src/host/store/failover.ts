/** Keeps things in the database, and in memory whenever that refuses. */
import type { Change, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { asHostError, HostError } from "../failure.js";
import type { HostStore, Meter, Recorded, Storage, Values } from "./contract.js";
import { IndexedStore } from "./indexed.js";
import { MemoryStore } from "./memory.js";

/** Rows in memory come after all in the database, so one number says where a row lies. */
const FIRST_IN_MEMORY = 2 ** 40;

/**
 * Both stores as one. Each write tries the database first, so that it is used again as soon as it takes writes; what
 * it refused (no room, private mode, closed by the browser) stays in memory until then and is sent from there.
 */
export class FailoverStore implements HostStore {
  private readonly memory = new MemoryStore(FIRST_IN_MEMORY);
  private kept: Storage;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly database: HostStore | null,
    private readonly moved: (storage: Storage, why: HostError | null) => void,
  ) {
    this.kept = database ? "persistent" : "memory";
  }

  /** Opens the database of this name; `moved` is told where things are kept from then on. */
  static async open(name: string, moved: (storage: Storage, why: HostError | null) => void): Promise<FailoverStore> {
    try {
      return new FailoverStore(await IndexedStore.open(name), moved);
    } catch (failure) {
      const { message } = asHostError(failure);
      moved("memory", new HostError("storage_unavailable", `The browser keeps nothing for this page: ${message}`));
      return new FailoverStore(null, moved);
    }
  }

  get storage(): Storage {
    return this.kept;
  }

  async read<T>(key: string): Promise<T | undefined> {
    return (await this.memory.read<T>(key)) ?? (await this.database?.read<T>(key).catch(() => undefined));
  }

  write(values: Values): Promise<void> {
    return this.either(values, (store) => store.write(values));
  }

  record(events: SegueEvent[], values: Values): Promise<Recorded> {
    return this.either(values, (store) => store.record(events, values));
  }

  async oldest(most: number): Promise<Row[]> {
    const rows = (await this.database?.oldest(most).catch(() => [])) ?? [];
    return [...rows, ...(await this.memory.oldest(most - rows.length))];
  }

  async settle(change: Change): Promise<void> {
    const inMemory = change.remove.filter((sequence) => sequence >= FIRST_IN_MEMORY);
    const inDatabase = change.remove.filter((sequence) => sequence < FIRST_IN_MEMORY);
    const none = { dropped: 0, refused: 0 };
    await this.memory.settle({ put: [], remove: inMemory, lost: inDatabase.length === 0 ? change.lost : none });
    if (inDatabase.length > 0) await this.database?.settle({ put: [], remove: inDatabase, lost: change.lost });
  }

  async meter(): Promise<Meter> {
    const memory = await this.memory.meter();
    const database = await this.database?.meter().catch(() => undefined);
    if (!database) return memory;
    const lost = { dropped: database.lost.dropped + memory.lost.dropped, refused: database.lost.refused + memory.lost.refused };
    return { events: database.events + memory.events, bytes: database.bytes + memory.bytes, next: database.next, lost };
  }

  close(): void {
    this.database?.close();
  }

  /** One write after the other, so that what moves from memory never comes after what is newer. */
  private either<T>(values: Values, work: (store: HostStore) => Promise<T>): Promise<T> {
    const done = this.turn.then(() => this.attempt(values, work));
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async attempt<T>(values: Values, work: (store: HostStore) => Promise<T>): Promise<T> {
    const { database } = this;
    if (!database) return work(this.memory);
    try {
      const result = await work(database);
      this.memory.forget(Object.keys(values));
      // Where there is no room for all of it yet, the next write tries again.
      if (this.kept === "memory") await this.moveIn(database).catch(() => undefined);
      return result;
    } catch (failure) {
      const result = await work(this.memory);
      this.move("memory", asHostError(failure));
      return result;
    }
  }

  /** The database takes writes again: what lies in memory moves along, all or none of it. */
  private async moveIn(database: HostStore): Promise<void> {
    const { rows, values } = this.memory.content();
    const { refusal } = await database.record(rows.map((row) => JSON.parse(row.json) as SegueEvent), values);
    // Events that are in both places now are sent twice and count once.
    if (refusal) return;
    this.memory.forget(Object.keys(values));
    await this.memory.settle({ put: [], remove: rows.map((row) => row.sequence), lost: { dropped: 0, refused: 0 } });
    this.move("persistent", null);
  }

  private move(storage: Storage, why: HostError | null): void {
    if (this.kept === storage) return;
    this.kept = storage;
    this.moved(storage, why);
  }
}
