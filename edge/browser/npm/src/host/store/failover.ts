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
 * it refused (no room, private mode, closed by the browser) stays in memory and is sent from there.
 */
export class FailoverStore implements HostStore {
  private readonly memory = new MemoryStore(FIRST_IN_MEMORY);
  private kept: Storage;

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

  private async either<T>(values: Values, work: (store: HostStore) => Promise<T>): Promise<T> {
    if (!this.database) return work(this.memory);
    try {
      const result = await work(this.database);
      this.memory.forget(Object.keys(values));
      this.move("persistent", null);
      return result;
    } catch (failure) {
      const result = await work(this.memory);
      this.move("memory", asHostError(failure));
      return result;
    }
  }

  private move(storage: Storage, why: HostError | null): void {
    if (this.kept === storage) return;
    this.kept = storage;
    this.moved(storage, why);
  }
}
