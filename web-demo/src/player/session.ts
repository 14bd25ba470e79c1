/** What the player shows of a listening session; the host keeps it beside the engine's own memory after every event. */
import type { EventKind, Place, Slate } from "@segue/browser";

/** The item that plays. */
export interface Track {
  item: string;
  /** The slate it was chosen from and its place there; absent when picked after a reload. */
  slate: string;
  position: number;
  played_ms: number;
  liked: boolean;
}

/** One line of the session strip. */
export interface Entry {
  kind: EventKind;
  item: string;
  time_ms: number;
}

/** One measured re-rank. */
export interface Rerank {
  kind: EventKind;
  milliseconds: number;
}

/** Where an item of the list came from. */
export interface Movement {
  /** Places moved up since the last list; negative is down, null when it was not in it. */
  by: number | null;
}

/** Everything needed to go on after a reload. */
export interface SavedSession {
  /** The host's id of the session it is about. */
  id: string;
  track: Track | null;
  slate: Slate | null;
  upNext: Place[];
  movements: Record<string, Movement>;
  entries: Entry[];
  reranks: Rerank[];
  story: Story | null;
}

/** What moved and why, in parts so that the page can set them in type. */
export interface Story {
  /** What the person did: `skip`. */
  kind: EventKind;
  /** To which item. */
  item: string;
  /** How many places of the list changed. */
  changed: number;
  /** How many items came in from further down the pack. */
  entered: number;
  /** The item that moved most, and the reason it gives. */
  highlight: { item: string; by: number | null; packPosition: number; reason: string } | null;
}

const ENTRIES_KEPT = 30;
const RERANKS_KEPT = 60;

/** A session that has not begun. */
export function newSession(id: string): SavedSession {
  return {
    id,
    track: null,
    slate: null,
    upNext: [],
    movements: {},
    entries: [],
    reranks: [],
    story: null,
  };
}

/** Adds a line to the strip, the oldest falls off. */
export function remember(session: SavedSession, entry: Entry): void {
  session.entries = [...session.entries, entry].slice(-ENTRIES_KEPT);
}

/** Adds a measurement, the oldest falls off. */
export function measure(session: SavedSession, rerank: Rerank): void {
  session.reranks = [...session.reranks, rerank].slice(-RERANKS_KEPT);
}

/** The middle of the measured times. */
export function median(reranks: Rerank[]): number | null {
  const sorted = reranks.map((rerank) => rerank.milliseconds).sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}
