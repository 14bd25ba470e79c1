/** Keeps things in IndexedDB. */
import type { Change, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { emptyMeter, measured, Room } from "./admit.js";
import { OUTBOX, settled, VALUES, type Connection, type Table } from "./connection.js";
import type { HostStore, Meter, Recorded, Successor, Values } from "./contract.js";

const METER = "outbox-meter";

/** One subject's part of a database. */
export class IndexedStore implements HostStore {
  readonly storage = "persistent";
  readonly unshared = false;
  private readonly room = new Room();

  constructor(
    private readonly connection: Connection,
    private readonly subject: string,
  ) {}

  read<T>(key: string): Promise<T | undefined> {
    return this.connection.transact("readonly", "default", (table) => this.value<T>(table, key));
  }

  async write(values: Values): Promise<void> {
    await this.record([], values);
  }

  /** `carried` are rows that another store gives up; they come before the events. */
  async record(events: SegueEvent[], values: Values, successor?: Successor, carried: Row[] = []): Promise<Recorded> {
    try {
      return await this.connection.transact("readwrite", "strict", async (table) => {
        const meter = await this.meterIn(table);
        const { change, refusal } = await this.room.admit(events, carried, meter, () => settled(table(OUTBOX).getAll(this.all) as IDBRequest<Row[]>));
        await this.carryOut(table, meter, change);
        this.put(table, values);
        if (successor) this.put(table, { [successor.key]: successor.after(await this.value(table, successor.key)) });
        return { storage: this.storage, rows: change.put, refusal };
      });
    } catch (failure) {
      // What it took in is not there.
      this.room.clear();
      throw failure;
    }
  }

  oldest(most: number): Promise<Row[]> {
    return this.connection.transact("readonly", "default", (table) => settled(table(OUTBOX).getAll(this.all, most) as IDBRequest<Row[]>));
  }

  /** Relaxed: what a power cut brings back is sent again, and the service notices. */
  settle(change: Change): Promise<void> {
    return this.connection.transact("readwrite", "relaxed", async (table) => this.carryOut(table, await this.meterIn(table), change));
  }

  meter(): Promise<Meter> {
    return this.connection.transact("readonly", "default", (table) => this.meterIn(table));
  }

  forget(): Promise<void> {
    return this.connection.transact("readwrite", "strict", async (table) => {
      table(VALUES).delete(this.all);
      table(OUTBOX).delete(this.all);
    });
  }

  /** Every key of the subject: a list sorts after whatever is in its place. */
  private get all(): IDBKeyRange {
    return IDBKeyRange.bound([this.subject], [this.subject, []]);
  }

  private value<T>(table: Table, key: string): Promise<T | undefined> {
    return settled(table(VALUES).get([this.subject, key]) as IDBRequest<T | undefined>);
  }

  private async meterIn(table: Table): Promise<Meter> {
    return (await this.value<Meter>(table, METER)) ?? emptyMeter();
  }

  private put(table: Table, values: Values): void {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) table(VALUES).delete([this.subject, key]);
      else table(VALUES).put(value, [this.subject, key]);
    }
  }

  private async carryOut(table: Table, meter: Meter, change: Change): Promise<void> {
    if (change.put.length + change.remove.length + change.lost.dropped + change.lost.refused === 0) return;
    const outbox = table(OUTBOX);
    const found = await Promise.all(change.remove.map((sequence) => settled(outbox.get([this.subject, sequence]) as IDBRequest<Row | undefined>)));
    const removed = found.filter((row) => row !== undefined);
    for (const row of removed) outbox.delete([this.subject, row.sequence]);
    for (const row of change.put) outbox.put({ ...row, subject: this.subject });
    this.put(table, { [METER]: measured(meter, change, removed) });
  }
}
