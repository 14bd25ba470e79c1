/** The lists the person saw, newest first: what an event follows from. */
import type { Place, Slate } from "../types.js";

/** Lists further back are not acted upon any more. */
const MOST_SLATES = 20;

/** Lists that were shown. */
export class Shown {
  private slates: { slate: string; positions: Map<string, number> }[] = [];

  /** This list is on the screen, with these places. */
  add({ slate }: Slate, places: Place[]): void {
    const before = this.slates.find((each) => each.slate === slate);
    const seen = places.map((place) => [place.item, place.position] as const);
    const now = { slate, positions: new Map([...(before?.positions ?? []), ...seen]) };
    this.slates = [now, ...this.slates.filter((each) => each !== before)].slice(0, MOST_SLATES);
  }

  /** Slate and position an item was last shown at. */
  of(item: string | null | undefined): { slate?: string; position?: number } {
    for (const { slate, positions } of this.slates) {
      const position = positions.get(item ?? "");
      if (position !== undefined) return { slate, position };
    }
    return {};
  }
}
