/** Display data: kept in memory and on disk, fetched where missing. */
import type { Place } from "@segue/browser";
import { items as fetchItems, type Item } from "./api";
import type { Store } from "./store";

const REQUEST_SIZE = 100;

/** Titles, names and genres of items. */
export class Catalogue {
  private readonly known = new Map<string, Item>();
  private readonly mentioned = new Map<string, Item>();

  constructor(private readonly store: Store) {}

  /** What is known of an item: the service's data, else what its pack says, else its id. */
  item(id: string): Item {
    return this.known.get(id) ?? this.mentioned.get(id) ?? { item: id, title: id };
  }

  /** Takes the names a pack brings along; the service's data, with genres and length, goes before. */
  mention(places: Place[]): void {
    for (const { item, title, creator } of places) {
      if (title) this.mentioned.set(item, { item, title, creator_name: creator ?? "" });
    }
  }

  /** Makes items known, from disk first; those that cannot be fetched stay unknown. */
  async learn(ids: string[]): Promise<void> {
    for (const item of await this.store.items(this.missing(ids))) this.known.set(item.item, item);
    const missing = this.missing(ids);
    for (let start = 0; start < missing.length; start += REQUEST_SIZE) {
      const fetched = await fetchItems(missing.slice(start, start + REQUEST_SIZE));
      for (const item of fetched) this.known.set(item.item, item);
      this.store.keepItems(fetched);
    }
  }

  /** Whether the service's data of an item is at hand. */
  knows(id: string): boolean {
    return this.known.has(id);
  }

  private missing(ids: string[]): string[] {
    return [...new Set(ids)].filter((id) => !this.known.has(id));
  }
}
