/** Keeps things in IndexedDB. */
import type { Change, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { admit, emptyMeter, measured } from "./admit.js";
import type { HostStore, Meter, Recorded, Values } from "./contract.js";

const VERSION = 1;
const VALUES = "values";
const OUTBOX = "outbox";
const METER = "outbox-meter";

/** A store in one database. */
export class IndexedStore implements HostStore {
  readonly storage = "persistent";

  private constructor(private readonly database: IDBDatabase) {
    // A later version of this package may want to change the layout; it must not wait for this page.
    database.onversionchange = () => database.close();
  }

  /** Opens the database of this name; fails where the browser keeps none. */
  static async open(name: string): Promise<IndexedStore> {
    const opening = indexedDB.open(name, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(VALUES);
      opening.result.createObjectStore(OUTBOX, { keyPath: "sequence" });
    };
    return new IndexedStore(await settled(opening));
  }

  read<T>(key: string): Promise<T | undefined> {
    return settled(this.database.transaction(VALUES).objectStore(VALUES).get(key) as IDBRequest<T | undefined>);
  }

  write(values: Values): Promise<void> {
    return this.change("strict", async (table) => put(table(VALUES), values));
  }

  record(events: SegueEvent[], values: Values): Promise<Recorded> {
    return this.change("strict", async (table) => {
      const meter = await meterIn(table(VALUES));
      const { change, refusal } = await admit(events, meter, () => settled(table(OUTBOX).getAll() as IDBRequest<Row[]>));
      await carryOut(table, meter, change);
      put(table(VALUES), values);
      return { rows: change.put, refusal };
    });
  }

  oldest(most: number): Promise<Row[]> {
    return settled(this.database.transaction(OUTBOX).objectStore(OUTBOX).getAll(null, most) as IDBRequest<Row[]>);
  }

  /** Relaxed: what a power cut brings back is sent again, and the service notices. */
  settle(change: Change): Promise<void> {
    return this.change("relaxed", async (table) => carryOut(table, await meterIn(table(VALUES)), change));
  }

  meter(): Promise<Meter> {
    return meterIn(this.database.transaction(VALUES).objectStore(VALUES));
  }

  close(): void {
    this.database.close();
  }

  /** One transaction over both tables; it is over, or nothing of it happened, when this returns. */
  private async change<T>(durability: IDBTransactionDurability, work: (table: Table) => Promise<T>): Promise<T> {
    const transaction = this.database.transaction([VALUES, OUTBOX], "readwrite", { durability });
    const over = finished(transaction);
    try {
      const result = await work((name) => transaction.objectStore(name));
      await over;
      return result;
    } catch (failure) {
      over.catch(() => undefined);
      abort(transaction);
      // The transaction knows best why its requests failed.
      throw transaction.error ?? failure;
    }
  }
}

type Table = (name: string) => IDBObjectStore;

const meterIn = async (values: IDBObjectStore): Promise<Meter> =>
  (await settled(values.get(METER) as IDBRequest<Meter | undefined>)) ?? emptyMeter();

async function carryOut(table: Table, meter: Meter, change: Change): Promise<void> {
  const outbox = table(OUTBOX);
  const found = await Promise.all(change.remove.map((sequence) => settled(outbox.get(sequence) as IDBRequest<Row | undefined>)));
  const removed = found.filter((row) => row !== undefined);
  for (const row of removed) outbox.delete(row.sequence);
  for (const row of change.put) outbox.put(row);
  table(VALUES).put(measured(meter, change, removed), METER);
}

function put(table: IDBObjectStore, values: Values): void {
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) table.delete(key);
    else table.put(value, key);
  }
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It is over already.
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage did not answer"));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser's storage refused"));
  });
}
