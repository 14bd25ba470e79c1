/** Keeps things for as long as the page lives. */
import type { Change, Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { emptyMeter, measured, Room } from "./admit.js";
import type { HostStore, Meter, Recorded, Successor, Values } from "./contract.js";

/** A store in memory. */
export class MemoryStore implements HostStore {
  readonly storage = "memory";
  private readonly values = new Map<string, unknown>();
  private readonly rows = new Map<number, Row>();
  private readonly room = new Room();
  private kept: Meter;

  /** `first` is the place of its first event in the order. */
  constructor(private readonly first = 1) {
    this.kept = emptyMeter(first);
  }

  get unshared(): boolean {
    return this.rows.size > 0;
  }

  async read<T>(key: string): Promise<T | undefined> {
    return this.values.get(key) as T | undefined;
  }

  async write(values: Values): Promise<void> {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) this.values.delete(key);
      // A copy, as a database would keep.
      else this.values.set(key, structuredClone(value));
    }
  }

  async record(events: SegueEvent[], values: Values, successor?: Successor): Promise<Recorded> {
    const { change, refusal } = await this.room.admit(events, [], this.kept, async () => [...this.rows.values()]);
    // First, as it fails on what cannot be kept, and then nothing is.
    await this.write(values);
    if (successor) await this.write({ [successor.key]: successor.after(this.values.get(successor.key)) });
    await this.settle(change);
    return { storage: this.storage, rows: change.put, refusal };
  }

  async oldest(most: number): Promise<Row[]> {
    return [...this.rows.values()].slice(0, most);
  }

  async settle(change: Change): Promise<void> {
    const removed = change.remove.map((sequence) => this.rows.get(sequence)).filter((row) => row !== undefined);
    for (const row of removed) this.rows.delete(row.sequence);
    for (const row of change.put) this.rows.set(row.sequence, row);
    this.kept = measured(this.kept, change, removed);
  }

  async meter(): Promise<Meter> {
    return this.kept;
  }

  async forget(): Promise<void> {
    this.values.clear();
    this.rows.clear();
    this.kept = emptyMeter(this.first);
  }

  /** The values it holds, to be kept elsewhere. */
  content(): Values {
    return Object.fromEntries(this.values);
  }

  /** Lets go of values that another store keeps now. */
  release(keys: string[]): void {
    for (const key of keys) this.values.delete(key);
  }
}
