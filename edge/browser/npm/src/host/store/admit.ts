/** Takes events into the outbox as the core decides, whichever store they lie in. */
import { Outbox, type Change, type Row } from "../../outbox.js";
import type { SegueEvent } from "../../types.js";
import { asHostError, type HostError } from "../failure.js";
import type { Meter } from "./contract.js";

/** An outbox in which nothing waits and whose order begins at `next`. */
export const emptyMeter = (next = 1): Meter => ({ events: 0, bytes: 0, next, lost: { dropped: 0, refused: 0 } });

/** What has to be stored for some events. */
export interface Admission {
  change: Change;
  refusal: HostError | null;
}

/**
 * Decides what to store for events. The waiting rows are read only when room has run out; then the core says what
 * goes, and they stay at hand for as long as nobody else changes them.
 */
export class Room {
  private full: Outbox | null = null;
  /** The meter that the rows at hand belong to. */
  private held = emptyMeter();

  /** `carried` are rows to take over from elsewhere: they were acknowledged, so they are never refused. */
  async admit(events: SegueEvent[], carried: Row[], meter: Meter, waiting: () => Promise<Row[]>): Promise<Admission> {
    const moved = carried.map((row, place) => ({ ...row, sequence: meter.next + place }));
    const change: Change = { put: moved, remove: [], lost: { dropped: 0, refused: 0 } };
    let refusal: HostError | null = null;
    if (meter.next !== this.held.next || meter.events !== this.held.events) this.clear();
    this.full?.apply(change);
    let [count, bytes, sequence] = [meter.events + moved.length, meter.bytes + sum(moved), meter.next + moved.length];
    for (const event of events) {
      try {
        const row = Outbox.row(event, sequence);
        if (!this.full && !Outbox.fits(count, bytes, bytesOf(row))) this.full = outboxOf([...(await waiting()), ...change.put]);
        if (this.full) makeRoom(this.full, event, row, change);
        [count, bytes, sequence] = [count + 1, bytes + bytesOf(row), sequence + 1];
        change.put.push(row);
      } catch (caught) {
        refusal ??= asHostError(caught);
      }
    }
    if (this.full) this.held = { ...meter, events: this.full.waiting(), next: sequence };
    return { change, refusal };
  }

  /** Lets go of the rows at hand. */
  clear(): void {
    this.full?.free();
    this.full = null;
  }
}

function outboxOf(rows: Row[]): Outbox {
  const outbox = new Outbox(0);
  outbox.replace(rows);
  return outbox;
}

function makeRoom(full: Outbox, event: SegueEvent, row: Row, change: Change): void {
  const { remove, lost } = full.admit(event);
  full.apply({ put: [row], remove, lost });
  const going = new Set(remove);
  change.put = change.put.filter((put) => !going.has(put.sequence));
  change.remove.push(...remove);
  change.lost.dropped += lost.dropped;
}

/** The meter after a change that removed these rows. */
export function measured(meter: Meter, change: Change, removed: Row[]): Meter {
  return {
    events: meter.events + change.put.length - removed.length,
    bytes: meter.bytes + sum(change.put) - sum(removed),
    next: change.put.reduce((next, row) => Math.max(next, row.sequence + 1), meter.next),
    lost: { dropped: meter.lost.dropped + change.lost.dropped, refused: meter.lost.refused + change.lost.refused },
  };
}

const encoder = new TextEncoder();
const bytesOf = (row: Row): number => encoder.encode(row.json).length;
const sum = (rows: Row[]): number => rows.reduce((bytes, row) => bytes + bytesOf(row), 0);
