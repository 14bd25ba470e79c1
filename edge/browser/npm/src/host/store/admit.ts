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
 * Decides what to store for `events`. The waiting rows are read only when room has run out; then the core says
 * what goes.
 */
export async function admit(events: SegueEvent[], meter: Meter, waiting: () => Promise<Row[]>): Promise<Admission> {
  const change: Change = { put: [], remove: [], lost: { dropped: 0, refused: 0 } };
  let refusal: HostError | null = null;
  let [count, bytes, sequence] = [meter.events, meter.bytes, meter.next];
  let full: Outbox | undefined;
  try {
    for (const event of events) {
      try {
        const row = Outbox.row(event, sequence);
        if (!full && !Outbox.fits(count, bytes, bytesOf(row))) full = await outboxOf(waiting, change.put);
        if (full) makeRoom(full, event, row, change);
        [count, bytes, sequence] = [count + 1, bytes + bytesOf(row), sequence + 1];
        change.put.push(row);
      } catch (caught) {
        refusal ??= asHostError(caught);
      }
    }
  } finally {
    full?.free();
  }
  return { change, refusal };
}

async function outboxOf(waiting: () => Promise<Row[]>, put: Row[]): Promise<Outbox> {
  const outbox = new Outbox(0);
  outbox.replace([...(await waiting()), ...put]);
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
