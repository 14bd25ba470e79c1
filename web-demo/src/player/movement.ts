/** Compares two lists: what moved, by how much, and which move tells the most. */
import type { EventKind, Place } from "@segue/browser";
import type { Movement, Story } from "./session";

/**
 * How each item of `after` moved since `before`.
 *
 * An item that left the list (it plays now, or was sent away) is taken out of
 * `before` first, so closing its gap does not count as movement.
 */
export function movements(before: Place[], after: Place[], left: string): Record<string, Movement> {
  const previous = new Map(before.filter((place) => place.item !== left).map((place, index) => [place.item, index]));
  const result: Record<string, Movement> = {};
  after.forEach((place, index) => {
    const was = previous.get(place.item);
    result[place.item] = { by: was === undefined ? null : was - index };
  });
  return result;
}

/** The sentence above the list, in parts. */
export function story(kind: EventKind, item: string, before: Place[], after: Place[], moves: Record<string, Movement>): Story {
  // The last places fill up from below whenever one leaves; that is no news.
  const vacated = Math.max(0, after.length - before.length + 1);
  const entered = after.filter((place) => moves[place.item]?.by === null);
  const news = entered.slice(0, Math.max(0, entered.length - vacated));
  const moved = after.filter((place) => (moves[place.item]?.by ?? 0) !== 0);
  const top = [...moved].sort((a, b) => (moves[b.item]?.by ?? 0) - (moves[a.item]?.by ?? 0))[0];
  const rose = top !== undefined && (moves[top.item]?.by ?? 0) > 0;
  const highlight = news[0] ?? (rose ? top : undefined);
  return {
    kind,
    item,
    changed: moved.length + news.length,
    entered: news.length,
    highlight: highlight
      ? { item: highlight.item, by: moves[highlight.item]?.by ?? null, packPosition: highlight.pack_position, reason: highlight.text }
      : null,
  };
}
